// Drives one of the libraries that keep their work in PostgreSQL: clients and workers in one process, as they are used.
//
//   node jobs.mjs pg-boss|graphile-worker|dbos URL
//
// Each line of the input is a phase, {"clients", "warm_up_ms", "measured_ms"}; each line of the output is its report. A
// client submits a job, waits until its completion is committed, and then submits the next one.

import { createInterface } from "node:readline";

const [name, url] = process.argv.slice(2);
const PAYLOAD = {
  order: "A-20417",
  customer: "Blue Harbour Ltd",
  amount_cents: 184_950,
  currency: "EUR",
  question: "Is the order of 12 March ready to be shipped?",
};
const RESULT = { answer: "yes" };

/** Starts a library; returns a function that runs one job to its committed end. */
const STARTS = {
  "pg-boss": async () => {
    const { default: PgBoss } = await import("pg-boss");
    const boss = new PgBoss({ connectionString: url, max: 16 });
    boss.on("error", fail);
    await boss.start();
    await boss.createQueue("bench");
    const waiting = new Map();
    let jobs = 0;
    // `work` looks twice a second at most. These loops look at once, as long as there is work.
    const loop = async () => {
      for (;;) {
        const taken = jobs > 0 ? await boss.fetch("bench", { batchSize: 16 }) : [];
        if (taken.length === 0) {
          await new Promise((resolve) => setTimeout(resolve, 1));
          continue;
        }
        const ids = taken.map((job) => job.id);
        await boss.complete("bench", ids, RESULT);
        for (const id of ids) waiting.get(id)?.();
      }
    };
    for (let n = 0; n < 4; n++) loop().catch(fail);
    return async () => {
      jobs++;
      const id = crypto.randomUUID();
      const done = new Promise((resolve) => waiting.set(id, resolve));
      await boss.send("bench", PAYLOAD, { id });
      await done;
      waiting.delete(id);
      jobs--;
    };
  },

  "graphile-worker": async () => {
    const { run, Logger } = await import("graphile-worker");
    const waiting = new Map();
    const runner = await run({
      connectionString: url,
      concurrency: 16,
      maxPoolSize: 24,
      noHandleSignals: true,
      logger: new Logger(() => () => {}),
      taskList: { bench: async () => {} },
    });
    // The library tells this after the end of the job is committed, perhaps before `addJob` returns.
    const early = new Set();
    runner.events.on("job:complete", ({ job }) => waiting.get(job.id)?.() ?? early.add(job.id));
    return async () => {
      const { id } = await runner.addJob("bench", PAYLOAD);
      if (early.delete(id)) return;
      await new Promise((resolve) => waiting.set(id, () => resolve() ?? true));
      waiting.delete(id);
    };
  },

  dbos: async () => {
    const { DBOS } = await import("@dbos-inc/dbos-sdk");
    DBOS.setConfig({ name: "bench", systemDatabaseUrl: url, logLevel: "error", runAdminServer: false });
    const work = async () => DBOS.runStep(async () => RESULT, { name: "work" });
    const workflow = DBOS.registerWorkflow(async (_payload) => work(), { name: "bench" });
    await DBOS.launch();
    return async () => {
      const handle = await DBOS.startWorkflow(workflow)(PAYLOAD);
      await handle.getResult();
    };
  },
};

function fail(error) {
  console.error(error);
  process.exit(1);
}

function percentile(sorted, part) {
  return sorted[Math.round((sorted.length - 1) * part)];
}

async function phase(once, { clients, warm_up_ms, measured_ms }) {
  const from = performance.now() + warm_up_ms;
  const until = from + measured_ms;
  const times = [];
  const client = async () => {
    for (;;) {
      const began = performance.now();
      await once();
      const done = performance.now();
      if (done >= from && done < until) times.push(done - began);
      if (done >= until) return;
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  times.sort((a, b) => a - b);
  const whole = { p50: percentile(times, 0.5), p99: percentile(times, 0.99), p999: percentile(times, 0.999) };
  return { per_second: times.length / (measured_ms / 1000), whole, to_agent: null };
}

const once = await STARTS[name]().catch(fail);
console.log("ready");
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await phase(once, JSON.parse(line)).catch(fail)));
}
process.exit(0);
