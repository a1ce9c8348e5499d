package template_test

import (
	"slices"
	"strings"
)

// watchRules: what goes wrong is told to somebody.
var watchRules = []rule{
	{"every alarm reaches the topic", alarmsReach},
	{"the house's own numbers are watched", ownNumbers},
	{"silence of a heartbeat is an alarm", heartbeats},
	{"every dead letter queue and every table is watched", allWatched},
}

// ownMetrics are the numbers that functions report, and the function that does.
var ownMetrics = map[string]string{
	"SweepHeartbeat": "deadlines", "OldestOverdueOutboxSeconds": "deadlines", "RegistrationAgeSeconds": "deadlines",
	"OpenProblems": "deadlines", "MailWithoutReceiptHours": "deadlines", "DayUnsealed": "deadlines", "DaysToExpiry": "deadlines",
	"VerifyMismatch": "preservation", "MailboxCursorAgeMinutes": "pec-inbox",
}

func alarmsReach(d document) (f findings) {
	for _, id := range d.names("AWS::CloudWatch::Alarm") {
		actions := list(d.property(id), "AlarmActions")
		f.demand(len(actions) == 1 && ref(actions[0]) == "AlarmTopic", "%s: tells nobody", id)
		f.demand(text(d.property(id), "AlarmDescription") != "", "%s: says nothing", id)
		f.demand(text(d.property(id), "TreatMissingData") != "", "%s: silence means nothing", id)
	}
	f.demand(len(list(d.property("AlarmTopic"), "Subscription")) > 0, "nobody listens to the topic")
	return f
}

func ownNumbers(d document) (f findings) {
	for metric := range ownMetrics {
		id := metric + "Alarm"
		f.demand(text(d.property(id), "MetricName") == metric, "%s: no alarm", metric)
		f.demand(text(d.property(id), "Namespace") == "Sportello", "%s: namespace %v", id, d.property(id, "Namespace"))
		dimensions := list(d.property(id), "Dimensions")
		f.demand(len(dimensions) == 1 && text(dimensions[0], "Name") == "Stage", "%s: not by stage", id)
	}
	return f
}

func heartbeats(d document) (f findings) {
	for _, id := range []string{"SweepHeartbeatAlarm", "MailboxCursorAgeMinutesAlarm"} {
		f.demand(text(d.property(id), "TreatMissingData") == "breaching", "%s: silence is not an alarm", id)
	}
	return f
}

func allWatched(d document) (f findings) {
	watched := map[string]bool{}
	for _, id := range d.names("AWS::CloudWatch::Alarm") {
		for _, m := range list(d.property(id), "Metrics") {
			for _, dimension := range list(m, "MetricStat", "Metric", "Dimensions") {
				watched[ref(at(dimension, "Value"))] = true
			}
		}
	}
	for _, id := range slices.Concat(d.names("AWS::SQS::Queue"), d.names("AWS::DynamoDB::Table")) {
		f.demand(watched[id] || strings.HasSuffix(id, "Queue") && !dead(id), "%s: nobody watches it", id)
	}
	f.demand(watched["CitizenApi"], "errors of the citizen API are not watched")
	f.demand(len(d.names("AWS::CloudWatch::Alarm")) >= len(ownMetrics)+5, "alarms are missing")
	return f
}
