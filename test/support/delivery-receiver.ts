/** A real webhook receiver that writes a ledger, and fails now and then in every way. */
import { createServer, type ServerResponse } from "node:http";
import { once } from "node:events";
import { type AddressInfo, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { type Random } from "../simulation/random.ts";
import { type Delivered, DeliveryLedger } from "./delivery-ledger.ts";

export interface DeliveryReceiver extends AsyncDisposable {
  readonly url: string;
  readonly ledger: DeliveryLedger;
  /** Requests over connections that are opened from now on come from another process. */
  nextLife(): void;
  /** From now on everything is answered at once. */
  behave(): void;
}

export async function openDeliveryReceiver(random: Random): Promise<DeliveryReceiver> {
  const ledger = new DeliveryLedger();
  const lives = new WeakMap<Socket, number>();
  let life = 1;
  let isGood = false;
  const server = createServer((request, response) => {
    const own = lives.get(request.socket) ?? life;
    text(request).then(
      (body) => {
        const fault = isGood ? "none" : random.pick(FAULTS);
        if (fault === "unheard") {
          response.writeHead(500).end();
          return;
        }
        const { deliveries } = JSON.parse(body) as { readonly deliveries: readonly Delivered[] };
        ledger.take(own, deliveries);
        answer(fault, response);
      },
      () => undefined,
    );
  });
  server.on("connection", (socket) => lives.set(socket, life));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ledger,
    nextLife: () => {
      life += 1;
    },
    behave: () => {
      isGood = true;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

const FAULTS = ["none", "none", "none", "none", "none", "slow", "unheard", "heard"] as const;

/** `heard`: the rows are there, and the sender never learns of it. */
function answer(fault: (typeof FAULTS)[number], response: ServerResponse): void {
  if (fault === "heard") response.destroy();
  else if (fault === "slow") setTimeout(() => response.writeHead(204).end(), 20);
  else response.writeHead(204).end();
}
