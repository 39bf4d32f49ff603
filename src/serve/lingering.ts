/** Lets a client that was answered early read the answer, without taking in all that it sends. */
import { type IncomingMessage } from "node:http";

/** Closing at once would reset the connection, and the answer would be lost on its way. */
const LINGER_MS = 3000;
const LINGER_BYTES = 64 * 1024 * 1024;
const LOOK_EVERY_MS = 50;

/**
 * Call when the answer is out. The rest of the body is thrown away as it comes; a client that goes
 * on for too long or sends too much is disconnected.
 */
export function lingerAfter(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  // Node itself does so only for a body of which nothing was read.
  request.resume();
  const { socket } = request;
  const untilBytes = socket.bytesRead + LINGER_BYTES;
  let looks = LINGER_MS / LOOK_EVERY_MS;
  const timer = setInterval(() => {
    looks -= 1;
    if (request.complete || socket.destroyed) clearInterval(timer);
    else if (looks <= 0 || socket.bytesRead > untilBytes) {
      clearInterval(timer);
      socket.destroy();
    }
  }, LOOK_EVERY_MS);
  timer.unref();
}
