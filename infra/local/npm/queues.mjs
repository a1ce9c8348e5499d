// Starts fauxqs, the SQS emulator, the way the local cloud needs it:
// on the loopback interface only, with queue URLs that name the address
// asked, with FIFO receives as SQS documents them (a batch may hold several
// messages of one group, in order), and with time that follows the movable
// clock, so that a jump ends visibility timeouts, delays and deduplication
// windows as the passing of time would.
//
// Environment: PORT, REGION, CLOCK_FILE (decimal milliseconds of offset).
import { readFileSync } from "node:fs";
import { buildApp } from "./node_modules/fauxqs/dist/app.js";
import { SqsQueue, SqsStore } from "./node_modules/fauxqs/dist/sqs/sqsStore.js";

const clockFile = process.env.CLOCK_FILE;
let offset = 0;

function readClock() {
  try {
    const ms = Number(readFileSync(clockFile, "utf8").trim());
    if (Number.isFinite(ms)) offset = ms;
  } catch {
    offset = 0; // no file: the clock has not been moved
  }
}

if (clockFile) {
  readClock();
  setInterval(readClock, 50).unref();
  const real = Date.now;
  Date.now = () => real() + offset;
}

// receiveFromGroup takes up to `count` messages of a group. The group stays
// locked until each of them is deleted or visible again.
function receiveFromGroup(queue, group, messages, count, visibility, redrive, resolve) {
  const received = [];
  while (received.length < count && messages.length > 0) {
    const message = messages.shift();
    message.approximateReceiveCount++;
    message.approximateFirstReceiveTimestamp ??= Date.now();
    const dead = redrive && message.approximateReceiveCount > redrive.maxReceiveCount
      ? resolve(redrive.deadLetterTargetArn) : undefined;
    if (dead) {
      dead.enqueue(message);
      continue;
    }
    const receiptHandle = crypto.randomUUID();
    queue.inflightMessages.set(receiptHandle, {
      message, receiptHandle, visibilityDeadline: Date.now() + visibility * 1000,
    });
    queue.fifoLockedGroups.set(group, (queue.fifoLockedGroups.get(group) ?? 0) + 1);
    const one = {
      MessageId: message.messageId, ReceiptHandle: receiptHandle,
      MD5OfBody: message.md5OfBody, Body: message.body,
    };
    if (message.md5OfMessageAttributes) one.MD5OfMessageAttributes = message.md5OfMessageAttributes;
    if (Object.keys(message.messageAttributes).length > 0) one.MessageAttributes = message.messageAttributes;
    received.push(one);
  }
  return received;
}

SqsQueue.prototype.dequeueFifo = function (maxCount, visibilityOverride, resolve) {
  this.processTimers();
  const visibility = visibilityOverride ?? Number(this.attributes.VisibilityTimeout);
  const redrive = this.attributes.RedrivePolicy ? JSON.parse(this.attributes.RedrivePolicy) : undefined;
  const result = [];
  for (const [group, messages] of this.fifoMessages) {
    if (result.length >= maxCount) break;
    if (this.fifoLockedGroups.has(group)) continue;
    result.push(...receiveFromGroup(this, group, messages, maxCount - result.length, visibility, redrive, resolve));
    if (messages.length === 0) this.fifoMessages.delete(group);
  }
  return result;
};

// A message that becomes visible again goes back to its place in the group,
// not to the front: several of one group may come back in any order.
function restoreOrder(queue) {
  if (!queue.isFifo()) return;
  for (const messages of queue.fifoMessages.values()) {
    messages.sort((a, b) => a.sequenceNumber < b.sequenceNumber ? -1 : 1);
  }
}

for (const name of ["processTimers", "changeVisibility"]) {
  const original = SqsQueue.prototype[name];
  SqsQueue.prototype[name] = function (...args) {
    const before = this.inflightMessages.size;
    const result = original.apply(this, args);
    if (this.inflightMessages.size !== before) restoreOrder(this);
    return result;
  };
}

const sqsStore = new SqsStore();
const app = buildApp({ logger: false, defaultRegion: process.env.REGION, stores: { sqsStore } });
sqsStore.host = ""; // queue URLs carry the address the client used

for (const signal of ["SIGTERM", "SIGINT"]) {
  process.on(signal, () => app.close().finally(() => process.exit(0)));
}
await app.listen({ host: "127.0.0.1", port: Number(process.env.PORT) });
console.log(`READY ${app.server.address().port}`);
