package template_test

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

// watchRules: what goes wrong is told to somebody.
var watchRules = []rule{
	{"every alarm reaches the topic", alarmsReach},
	{"the house's own numbers are watched", ownNumbers},
	{"a contradiction of register and archive is watched", mismatch},
	{"silence of a heartbeat is an alarm", heartbeats},
	{"what is looked at now and then falls into each period", looks},
	{"every dead letter queue and every table is watched", allWatched},
}

// ownMetrics are the numbers that functions report, and the function that does.
var ownMetrics = map[string]string{
	"SweepHeartbeat": "deadlines", "OldestOverdueOutboxSeconds": "deadlines", "RegistrationAgeSeconds": "deadlines",
	"OpenProblems": "deadlines", "MailWithoutReceiptHours": "deadlines", "DayUnsealed": "deadlines",
	"KeysEnding": "deadlines", "MailboxCursorAgeMinutes": "pec-inbox", "TrustListAgeHours": "deadlines", "TrustListLeftHours": "deadlines",
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
	for metric, function := range ownMetrics {
		f.demand(said("functions/"+function, `"`+metric+`"`), "%s: %s does not report it", metric, function)
		id := metric + "Alarm"
		f.demand(text(d.property(id), "MetricName") == metric, "%s: no alarm", metric)
		f.demand(text(d.property(id), "Namespace") == "Sportello", "%s: namespace %v", id, d.property(id, "Namespace"))
		dimensions := list(d.property(id), "Dimensions")
		f.demand(len(dimensions) == 1 && text(dimensions[0], "Name") == "Stage", "%s: not by stage", id)
	}
	return f
}

// said tells whether a text stands in the Go sources under a folder.
func said(folder, what string) bool {
	return slices.ContainsFunc(sources(folder), func(name string) bool {
		body, err := os.ReadFile(name)
		return err == nil && strings.Contains(string(body), what)
	})
}

var filtered = regexp.MustCompile(`"\*(.*?)\*"`)

// mismatch: the filter looks for texts of errors, which somebody may reword.
func mismatch(d document) (f findings) {
	texts := filtered.FindAllStringSubmatch(text(d.property("VerifyMismatchFilter"), "FilterPattern"), -1)
	f.demand(len(texts) == 2, "the filter looks for %d errors", len(texts))
	for _, m := range texts {
		f.demand(said("shared/platform", `errors.New("`+m[1]+`")`), "no error says %q", m[1])
	}
	f.demand(ref(d.property("VerifyMismatchFilter", "LogGroupName")) == "ProtocolRegistrationLogGroup", "the filter reads another log")
	transformations := list(d.property("VerifyMismatchFilter"), "MetricTransformations")
	for _, name := range []string{"MetricName", "MetricNamespace"} {
		alarm := strings.TrimPrefix(name, "Metric")
		if name == "MetricName" {
			alarm = name
		}
		f.demand(len(transformations) == 1 && reflect.DeepEqual(at(transformations[0], name), d.property("VerifyMismatchAlarm", alarm)),
			"filter and alarm differ in %s", name)
	}
	return f
}

func heartbeats(d document) (f findings) {
	for _, id := range []string{"SweepHeartbeatAlarm", "DayUnsealedAlarm", "MailboxCursorAgeMinutesAlarm"} {
		f.demand(text(d.property(id), "TreatMissingData") == "breaching", "%s: silence is not an alarm", id)
	}
	return f
}

// watched are the alarms on what DeadlinesFunction's Watch looks at.
var watched = []string{"OpenProblemsAlarm", "MailWithoutReceiptHoursAlarm", "DayUnsealedAlarm", "KeysEndingAlarm"}

// looks: a look may come late, or not at all; the next falls into the same period.
func looks(d document) (f findings) {
	var minutes int
	_, err := fmt.Sscanf(text(d.property("DeadlinesFunction", "Events", "Watch", "Properties"), "ScheduleExpression"), "rate(%d minutes)", &minutes)
	f.demand(err == nil, "Watch: not every so many minutes: %v", err)
	for _, id := range watched {
		f.demand(minutes > 0 && number(d.property(id), "Period") >= 2*60*minutes, "%s: no two looks in a period", id)
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
