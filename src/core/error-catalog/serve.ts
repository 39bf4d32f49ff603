/** Errors that `serve/` raises. */
import { type ErrorEntry, external, internal, user } from "./entry.ts";

export const SERVE_ERRORS = {
  KRB_SERVE_INTERNAL: internal("Look for the request id in the log, and report what is there."),
  KRB_SERVE_RECOVERING: external(
    503,
    "57P03",
    "The log is being read back: send the request again after Retry-After, or watch /health/ready.",
  ),
  KRB_SERVE_INSECURE_BIND: user(
    400,
    "28000",
    "Listen on 127.0.0.1, or give a certificate and a token, or pass the insecure flag.",
  ),
  KRB_SERVE_ADDRESS: {
    ...external(503, "08001", "Choose another host or port, or stop what listens there."),
    retry: "never",
  },
  KRB_SERVE_BAD_REQUEST: user(400, "08P01", "Send a well-formed HTTP/1.1 request."),
  KRB_SERVE_NOT_FOUND: user(404, "42P01", "GET /openapi.json lists every path."),
  KRB_SERVE_METHOD: user(405, "0A000", "Use a method of the Allow header."),
  KRB_SERVE_HEADERS_TOO_LARGE: user(431, "54000", "Send fewer or shorter headers."),
  KRB_SERVE_TIMEOUT: {
    ...external(408, "57014", "Send the whole request without long pauses, then try again."),
  },
  KRB_SERVE_TOKEN: user(
    401,
    "28000",
    "Send `Authorization: Bearer <token>`; the token is in the file `token` of the data directory.",
  ),
  KRB_SERVE_HOST: user(
    421,
    "28000",
    "Use localhost, an IP address, or a name of the setting for allowed hosts.",
  ),
  KRB_SERVE_ORIGIN: user(
    403,
    "28000",
    "Pages of other sites are refused: add the origin to the setting for allowed origins.",
  ),
  KRB_SERVE_MEDIA_TYPE: user(415, "22023", "Send one of the content types in `details.supported`."),
  KRB_SERVE_ENCODING: user(
    415,
    "22023",
    "Send one content encoding of `details.supported`, or none.",
  ),
  KRB_SERVE_COMPRESSION: user(
    400,
    "22P03",
    "The bytes are cut off, damaged, or not in the announced encoding: compress them again.",
  ),
  KRB_SERVE_EXPANSION: user(
    413,
    "54000",
    "The body grows more than any data does: send it in smaller bodies, or uncompressed.",
  ),
  KRB_SERVE_BODY_CUT: user(400, "08006", "The connection ended inside the body: send it again."),
  KRB_SERVE_BODY: user(400, "22023", "Correct what `details.problems` names."),
  KRB_SERVE_BODY_TOO_LARGE: user(413, "54000", "Send a shorter request body."),
  KRB_SERVE_BODY_REFUSED: user(
    422,
    "22P02",
    "Nothing was stored. Correct the rows in `details.errors` and send the body again.",
  ),
  KRB_SERVE_HEADER: user(400, "22023", "Correct the header that the message names."),
  KRB_SERVE_PARAMETER: user(400, "22023", "Correct the URL parameter that the message names."),
  KRB_SERVE_NOT_ACCEPTABLE: user(406, "22023", "Accept one of the types in `details.supported`."),
  KRB_SERVE_TOO_MANY_CLIENTS: external(
    503,
    "53300",
    "Too many live connections are open: close some, or raise their limit.",
  ),
} as const satisfies Record<string, ErrorEntry>;
