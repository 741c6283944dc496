// The handler that Restate calls: one durable step, whose result is the result of the call.
//
//   node restate.mjs PORT
//
// Two processes share the port, so that one of them is not the limit.

import cluster from "node:cluster";

// The SDK needs it, and Node.js has it from version 22 on.
Promise.withResolvers ??= () => {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
};
const restate = await import("@restatedev/restate-sdk");

const PROCESSES = 2;
const port = Number(process.argv[2]);
const service = restate.service({
  name: "bench",
  handlers: {
    run: async (context, _payload) => context.run("work", () => ({ answer: "yes" })),
  },
});

if (cluster.isPrimary) {
  let ready = 0;
  for (let n = 0; n < PROCESSES; n++) cluster.fork();
  cluster.on("listening", () => ++ready === PROCESSES && console.log("ready"));
  cluster.on("exit", () => process.exit(1));
  process.stdin.resume();
  process.stdin.on("end", () => process.exit(0));
} else {
  await restate.serve({ services: [service], port });
}
