// The workloads, as somebody would write them for Node.
"use strict";

const answer = (status, body) => ({
  statusCode: status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2));

const workloads = {
  hello: async (event) => ({ message: `Hello, ${event.name}!` }),

  apigw: async (event) => {
    if (event.requestContext.http.method !== "POST") {
      return answer(405, { error: "only POST" });
    }
    const order = JSON.parse(event.body);
    if (!Array.isArray(order.lines) || order.lines.length === 0) {
      return answer(400, { error: "no lines" });
    }
    let net = 0;
    const billed = [];
    for (const line of order.lines) {
      if (line.quantity <= 0) {
        return answer(400, { error: `quantity of ${line.sku}` });
      }
      let amount = line.price_cents * line.quantity;
      if (line.quantity >= 10) {
        amount = Math.trunc((amount * 95) / 100);
      }
      net += amount;
      billed.push({ sku: line.sku, amount });
    }
    const vat = Math.trunc((net * 19) / 100);
    return answer(200, {
      order: event.requestContext.requestId,
      lines: billed,
      net,
      vat,
      total: net + vat,
    });
  },

  transform: async (event) => {
    const rows = event.records
      .filter((record) => record.active && record.amount > 10)
      .map((record) => ({
        id: record.id,
        region: record.region,
        net: record.amount * record.quantity,
      }));
    const groups = {};
    for (const row of rows) {
      const group = (groups[row.region] ??= { count: 0, total: 0 });
      group.count += 1;
      group.total += row.net;
    }
    return {
      groups,
      rows: rows.map((row) => ({ id: row.id, net: row.net })),
      total: rows.reduce((total, row) => total + row.net, 0),
    };
  },

  cpu: async (event) => {
    let mixed = 0;
    for (let step = 0; step < event.steps; step++) {
      mixed = (mixed * 31 + step) % 1000003;
    }
    return { fib: fib(event.n), mixed };
  },

  big: async (event) => event,
};

exports.handler = workloads[process.env.WORKLOAD];
