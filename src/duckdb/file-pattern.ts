/**
 * DuckDB's readers take `[`, `*` and `?` in a path for patterns: a file below `a[b]` would be read
 * from the neighbour `ab`. This is the pattern that matches exactly the one path.
 */
export function filePattern(path: string): string {
  return path.replaceAll(/[[*?]/g, "[$&]");
}
