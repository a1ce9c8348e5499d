package template_test

import (
	"slices"
	"strings"
)

// queueRules: a message that cannot be handled is kept, and none is handled twice at once.
var queueRules = []rule{
	{"every queue parks after five receives", queuesPark},
	{"visibility is six times the consumer's timeout", visibilityLongEnough},
	{"consumers report each failed item", itemFailures},
	{"concurrency is bounded at the source", boundedAtSource},
	{"a queue has one consumer", oneConsumer},
	{"schedules are in Rome and keep what they could not deliver", schedules},
}

// dead tells dead letter queues by their name; nothing else may end so.
func dead(id string) bool { return strings.HasSuffix(id, "DeadLetterQueue") }

func queuesPark(d document) (f findings) {
	for _, id := range d.names("AWS::SQS::Queue") {
		f.demand(d.property(id, "MessageRetentionPeriod") == 14*24*3600, "%s: does not keep messages for 14 days", id)
		f.demand(d.property(id, "SqsManagedSseEnabled") == true, "%s: not encrypted", id)
		if dead(id) {
			continue
		}
		target := ref(d.property(id, "RedrivePolicy", "deadLetterTargetArn"))
		f.demand(target == strings.TrimSuffix(id, "Queue")+"DeadLetterQueue", "%s: dead letters go to %q", id, target)
		f.demand(d.property(id, "RedrivePolicy", "maxReceiveCount") == 5, "%s: not parked after five receives", id)
		f.demand(d.property(id, "FifoQueue") == d.property(target, "FifoQueue"), "%s and %s differ in order", id, target)
	}
	f.demand(d.property("RegistrationQueue", "FifoQueue") == true, "registration is not in order")
	f.demand(d.property("RegistrationQueue", "ContentBasedDeduplication") == false,
		"registration: deduplication by content would swallow a resend")
	return f
}

func (d document) sources() []event {
	return slices.DeleteFunc(d.events(), func(e event) bool { return e.kind != "SQS" })
}

func visibilityLongEnough(d document) (f findings) {
	for _, e := range d.sources() {
		queue := ref(at(e.properties, "Queue"))
		visibility, timeout := number(d.property(queue), "VisibilityTimeout"), d.setting(e.function, "Timeout").(int)
		f.demand(visibility >= 6*timeout, "%s: visible again after %d s, its consumer may take %d s", queue, visibility, timeout)
	}
	return f
}

func itemFailures(d document) (f findings) {
	for _, e := range d.sources() {
		f.demand(slices.Equal(texts(e.properties, "FunctionResponseTypes"), []string{"ReportBatchItemFailures"}),
			"%s/%s: one bad message fails its batch", e.function, e.name)
	}
	return f
}

func boundedAtSource(d document) (f findings) {
	for _, e := range d.sources() {
		most := number(e.properties, "ScalingConfig", "MaximumConcurrency")
		f.demand(most >= 2, "%s/%s: no MaximumConcurrency", e.function, e.name)
		if ref(at(e.properties, "Queue")) == "PecQueue" {
			f.demand(most <= 5, "certified mail: %d at once, the provider takes five", most)
			f.demand(number(e.properties, "BatchSize") == 1, "certified mail: more than one message a batch")
		}
		f.demand(number(e.properties, "BatchSize") > 0, "%s/%s: no batch size", e.function, e.name)
	}
	for _, id := range d.functions() {
		f.demand(d.setting(id, "ReservedConcurrentExecutions") == nil,
			"%s: reserved concurrency throttles the poller and burns receives", id)
	}
	return f
}

func oneConsumer(d document) (f findings) {
	consumer := map[string]string{}
	for _, e := range d.sources() {
		queue := ref(at(e.properties, "Queue"))
		f.demand(consumer[queue] == "", "%s has two consumers", queue)
		consumer[queue] = e.function
	}
	for _, id := range d.names("AWS::SQS::Queue") {
		if dead(id) {
			f.demand(consumer[id] == "", "%s: dead letters are consumed", id)
			continue
		}
		f.demand(consumer[id] != "", "%s has no consumer", id)
		deny := denied(d.property(id+"Policy", "PolicyDocument"), "sqs:ReceiveMessage", "sqs:DeleteMessage")
		f.demand(ref(at(deny, "Condition", "ArnNotEquals", "aws:PrincipalArn")) == consumer[id]+"Role",
			"%s: others than %s may receive", id, consumer[id])
	}
	return f
}

func schedules(d document) (f findings) {
	count := map[string]int{}
	for _, e := range d.events() {
		f.demand(slices.Contains([]string{"HttpApi", "Api", "SQS", "ScheduleV2"}, e.kind), "%s/%s: an event of type %s", e.function, e.name, e.kind)
		if e.kind != "ScheduleV2" {
			continue
		}
		count[e.function]++
		f.demand(text(e.properties, "ScheduleExpressionTimezone") == "Europe/Rome", "%s/%s: not in Rome", e.function, e.name)
		f.demand(at(e.properties, "OmitName") == true, "%s/%s: SAM would give it a name that the next stage wants too", e.function, e.name)
		f.demand(strings.HasPrefix(text(e.properties, "Input"), `{"task":"`), "%s/%s: names no task", e.function, e.name)
		f.demand(number(e.properties, "RetryPolicy", "MaximumRetryAttempts") > 0, "%s/%s: no retry", e.function, e.name)
		f.demand(number(e.properties, "RetryPolicy", "MaximumEventAgeInSeconds") >= 60, "%s/%s: no age", e.function, e.name)
		f.demand(ref(at(e.properties, "DeadLetterConfig", "Arn")) == "ScheduleDeadLetterQueue", "%s/%s: keeps no dead letter", e.function, e.name)
		f.demand(ref(d.property(e.function, "EventInvokeConfig", "DestinationConfig", "OnFailure", "Destination")) == "ScheduleDeadLetterQueue",
			"%s: a failed run leaves no trace", e.function)
	}
	for _, id := range []string{"DeadlinesFunction", "PecInboxFunction"} {
		f.demand(count[id] > 0, "%s has no schedule", id)
	}
	return f
}
