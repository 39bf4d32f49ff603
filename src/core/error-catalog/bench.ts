/** Errors that `bench/` raises. */
import { external, user, type ErrorEntry } from "./entry.ts";

export const BENCH_ERRORS = {
  KRB_BENCH_HISTOGRAM: user(
    422,
    "22P02",
    "Take the result again: its histogram was changed by hand, or comes from another version.",
  ),
  KRB_BENCH_LIMITS: user(400, "22023", "Write limits like p99=10%,throughput=5%."),
  KRB_BENCH_REGRESSION: user(
    409,
    "22000",
    "Run both versions with `kurobe bench compare` to see whether it is more than noise.",
  ),
  KRB_BENCH_UNJUDGED: {
    ...external(
      422,
      "22000",
      "Take the baseline and the new results with the same names, workload and load, long enough for the figure.",
    ),
    retry: "never",
  },
  KRB_BENCH_NOT_COMPARABLE: user(
    422,
    "22023",
    "Compare two or more results of one workload, one for each target.",
  ),
  KRB_BENCH_RESULT_FILE: user(400, "58030", "Check the path and its permissions."),
  KRB_BENCH_RESULT_INVALID: user(
    422,
    "22023",
    "Use a file that `kurobe bench` wrote; docs/reference/bench-result.schema.json says what it holds.",
  ),
  KRB_BENCH_TARGET_URL: user(400, "22023", "Write redis://host:6379, rediss://… or unix:///path."),
  KRB_BENCH_UNREACHABLE: external(
    503,
    "08001",
    "Check that the server runs, the address, and whether it wants TLS (rediss://).",
  ),
  KRB_BENCH_REFUSED: user(
    401,
    "28000",
    "Check user, password and what the user may do; --user and --password-env give them.",
  ),
  KRB_BENCH_CLUSTER: user(409, "55000", "Leave out --cluster, or name a node of a whole cluster."),
  KRB_BENCH_WORKLOAD: user(
    422,
    "22023",
    "Change the workload; docs/bench-workloads.md lists what it takes.",
  ),
  KRB_BENCH_WORKLOAD_FILE: user(400, "58030", "Check the path of the workload file."),
  KRB_BENCH_AGENT_ADDRESS: user(
    400,
    "22023",
    "Write host:port, or [::1]:7475; 7475 may be left out.",
  ),
  KRB_BENCH_AGENT_BUSY: external(409, "55006", "Wait for its run to end, or name another agent."),
  KRB_BENCH_AGENT_CLOCK: external(
    409,
    "55000",
    "Let chrony or ntpd set the clocks of all machines, and keep coordinator and agents near.",
  ),
  KRB_BENCH_AGENT_LISTEN: external(503, "58000", "Choose another address with --listen."),
  KRB_BENCH_AGENT_REFUSED: user(
    401,
    "28000",
    "Give coordinator and agents the same KUROBE_BENCH_TOKEN.",
  ),
  KRB_BENCH_AGENT_TOKEN: user(
    400,
    "22023",
    "Set KUROBE_BENCH_TOKEN to 16 characters or more, the same on all machines: openssl rand -hex 16.",
  ),
  KRB_BENCH_AGENT_UNREACHABLE: external(
    503,
    "08001",
    "Check that kurobe bench agent runs there, the address, and what lies in between.",
  ),
  KRB_BENCH_AGENT_VERSION: user(
    409,
    "55000",
    "Install the same version of Kurobe, and of Node's first number, on all machines.",
  ),
  KRB_BENCH_INCOMPLETE: external(
    503,
    "08006",
    "Read the reasons in the result, mend them, and run it again.",
  ),
  KRB_BENCH_MEMBER_LOST: external(
    503,
    "08006",
    "See what that thread or agent printed last; it may have run out of memory.",
  ),
  KRB_BENCH_NO_SERVER: user(
    404,
    "58P01",
    "Install it (Debian: redis-server, valkey-server), or name a running one with its URL.",
  ),
  KRB_BENCH_SERVER_START: external(
    503,
    "58000",
    "Look at what the server printed; perhaps memory or the right to write is missing.",
  ),
} as const satisfies Record<string, ErrorEntry>;
