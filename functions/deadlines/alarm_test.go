package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	"sportello/shared/domain/pec"
	"sportello/shared/domain/register"
	"sportello/shared/flow/correspondence"
	"sportello/shared/flow/flowtest"
	"sportello/shared/flow/inbox"
	"sportello/shared/flow/keeping"
	"sportello/shared/flow/sealing"
)

// alarm is an alarm as template.yaml has it.
type alarm struct {
	MetricName        string  `yaml:"MetricName"`
	Statistic         string  `yaml:"Statistic"`
	Comparison        string  `yaml:"ComparisonOperator"`
	Period            int64   `yaml:"Period"`
	EvaluationPeriods int     `yaml:"EvaluationPeriods"`
	Threshold         float64 `yaml:"Threshold"`
	Missing           string  `yaml:"TreatMissingData"`
}

func alarmOf(t *testing.T, metric string) alarm {
	t.Helper()
	body, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Properties yaml.Node `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(body, &template); err != nil {
		t.Fatal(err)
	}
	properties := template.Resources[metric+"Alarm"].Properties
	var a alarm
	if err := properties.Decode(&a); err != nil {
		t.Fatal(err)
	}
	if a.MetricName != metric || a.Statistic != "Maximum" || !slices.Contains([]string{"notBreaching", "ignore"}, a.Missing) ||
		!slices.Contains([]string{"GreaterThanThreshold", "LessThanThreshold"}, a.Comparison) {
		t.Fatalf("%s: an alarm that this test does not know: %+v", metric, a)
	}
	return a
}

// rings tells, for each period, whether the alarm rings at its end, given the values of each period.
func (a alarm) rings(values map[int64][]float64, first, last int64) (rings []bool) {
	in := 0
	for p := first; p <= last; p++ {
		if len(values[p]) == 0 && a.Missing == "ignore" {
			rings = append(rings, len(rings) > 0 && rings[len(rings)-1])
			continue
		}
		breaching := false
		for _, v := range values[p] {
			if a.Comparison == "LessThanThreshold" {
				breaching = breaching || len(values[p]) > 0 && slices.Max(values[p]) < a.Threshold
			} else {
				breaching = breaching || v > a.Threshold
			}
		}
		if in++; !breaching {
			in = 0
		}
		rings = append(rings, in >= a.EvaluationPeriods)
	}
	return rings
}

// minutes sweeps each minute and watches each five, and returns what each alarm did in each minute; after is what happens between two sweeps.
func minutes(t *testing.T, h handler, w *flowtest.World, metrics *bytes.Buffer, n int, after func(minute int), alarms ...alarm) map[string][]bool {
	t.Helper()
	metrics.Reset()
	start := w.Now()
	for minute := range n {
		w.At(start.Add(time.Duration(minute) * time.Minute))
		if err := h.handle(context.Background(), task(t, "sweep")); err != nil {
			t.Fatal(err)
		}
		if minute%5 == 0 {
			if err := h.handle(context.Background(), task(t, "watch")); err != nil {
				t.Fatal(err)
			}
		}
		after(minute)
	}
	values := map[string]map[int64][]float64{}
	for line := range bytes.Lines(metrics.Bytes()) {
		var v map[string]any
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		at := int64(v["_aws"].(map[string]any)["Timestamp"].(float64)) / 1000
		for _, a := range alarms {
			if value, there := v[a.MetricName].(float64); there {
				if values[a.MetricName] == nil {
					values[a.MetricName] = map[int64][]float64{}
				}
				period := at / a.Period
				values[a.MetricName][period] = append(values[a.MetricName][period], value)
			}
		}
	}
	byMinute := map[string][]bool{}
	for _, a := range alarms {
		first := start.Unix() / a.Period
		rings := a.rings(values[a.MetricName], first, w.Now().Unix()/a.Period)
		for minute := range n {
			period := (start.Unix() + int64(minute)*60) / a.Period
			byMinute[a.MetricName] = append(byMinute[a.MetricName], rings[period-first])
		}
	}
	return byMinute
}

// always fails unless the alarm is silent before a minute and rings from it on.
func always(t *testing.T, name string, rings []bool, from int) {
	t.Helper()
	for minute, ringing := range rings {
		if ringing != (minute >= from) {
			t.Errorf("%s: minute %d: ringing %v; it should from minute %d on", name, minute, ringing, from)
			return
		}
	}
}

func never(t *testing.T, name string, rings []bool) {
	t.Helper()
	always(t, name, rings, len(rings))
}

// One application of a quiet Sunday has no number, because its message goes astray again and again: the sweep sends it at growing
// distances, and both alarms ring all the time in between.
func TestOneStuckRowRings(t *testing.T) {
	h, w, metrics := newHandler(t)
	outbox, number := alarmOf(t, "OldestOverdueOutboxSeconds"), alarmOf(t, "RegistrationAgeSeconds")
	w.Presented()
	rings := minutes(t, h, w, metrics, 5*60, func(int) { w.Waiting() }, outbox, number)
	always(t, "outbox", rings[outbox.MetricName], int(outbox.Threshold)/60+outbox.EvaluationPeriods)
	always(t, "registration", rings[number.MetricName], int(number.Threshold)/60+number.EvaluationPeriods)
}

// The time-stamping authority is out of service for a day: the day of the register waits, sealed and without its time, the alarms ring all the while, and
// stop when the authority is back. Each day gets one token, over the seal that it had before.
func TestAuthorityDownForADayRings(t *testing.T) {
	h, w, metrics := newHandler(t)
	outbox, open := alarmOf(t, "OldestOverdueOutboxSeconds"), alarmOf(t, "OpenProblems")
	w.Registered()
	day := register.Date(w.Now())
	w.Pass(24 * time.Hour)
	w.Stamper.Down = true
	w.CloseDays()
	for range 3 {
		w.Work()
	}
	seal := layout.StatementSignature(flowtest.Chamber, day)
	before, err := w.Archive.Get(context.Background(), seal)
	if err != nil {
		t.Fatal(err)
	}
	rings := minutes(t, h, w, metrics, 24*60, func(int) { w.Work() }, outbox, open)
	always(t, "outbox", rings[outbox.MetricName], int(outbox.Threshold)/60+outbox.EvaluationPeriods)
	if !rings[open.MetricName][2*60] || !rings[open.MetricName][24*60-1] {
		t.Error("nobody was told of the day that waits")
	}
	if _, there, err := sealing.Find(context.Background(), w.Applications, flowtest.Chamber, day); err != nil || there {
		t.Errorf("published without its time: %v, %v", there, err)
	}
	w.Stamper.Down = false
	rings = minutes(t, h, w, metrics, 2*60, func(int) { w.Work() }, outbox, open)
	if last := 2*60 - 1; rings[outbox.MetricName][last] || rings[open.MetricName][last] {
		t.Error("the alarms go on though the authority is back")
	}
	declared, there, err := sealing.Find(context.Background(), w.Applications, flowtest.Chamber, day)
	if err != nil || !there || !bytes.Equal(declared.Signature, before) || w.Stamper.Stamped != 1 {
		t.Errorf("published %v, the same seal %v, %d tokens, %v", there, bytes.Equal(declared.Signature, before), w.Stamper.Stamped, err)
	}
}

// A register that looks for an address, and a provider that examines a package, answer in their own time: nobody is woken for that.
func TestWaitingByDesignIsSilent(t *testing.T) {
	outbox, number := alarmOf(t, "OldestOverdueOutboxSeconds"), alarmOf(t, "RegistrationAgeSeconds")
	t.Run("address", func(t *testing.T) {
		h, w, metrics := newHandler(t)
		w.Registers.Pending = 1 << 20
		w.Registered()
		rings := minutes(t, h, w, metrics, 23*60, func(int) { w.Work() }, outbox, number)
		never(t, "outbox", rings[outbox.MetricName])
		if w.Registers.Asked < 100 {
			t.Errorf("asked %d times: nothing waited", w.Registers.Asked)
		}
		// The step that asks is broken: now it is late.
		rings = minutes(t, h, w, metrics, 60, func(int) { w.Waiting() }, outbox)
		if !rings[outbox.MetricName][59] || rings[outbox.MetricName][3] {
			t.Errorf("when nobody asks: %v", rings[outbox.MetricName])
		}
	})
	t.Run("package", func(t *testing.T) {
		h, w, metrics := newHandler(t)
		w.Keeper.States = slices.Repeat([]keeping.Receipt{{State: keeping.Received}}, 1<<12)
		id := w.Closed()
		rings := minutes(t, h, w, metrics, 23*60, func(int) { w.Work() }, outbox)
		never(t, "outbox", rings[outbox.MetricName])
		w.State(id, application.Closed)
	})
	t.Run("doubt", func(t *testing.T) {
		h, w, metrics := newHandler(t)
		w.Mail.Silent = true
		w.Mail.Answers = []error{flowtest.ErrTakenUnheard, flowtest.ErrTakenUnheard}
		w.Registered()
		rings := minutes(t, h, w, metrics, 29, func(int) { w.Work() }, outbox)
		never(t, "outbox", rings[outbox.MetricName])
		if len(w.Outbox()) == 0 {
			t.Error("nothing was in doubt")
		}
	})
}

// The alarm of a silent provider rings until the receipt comes.
func TestSilenceRingsUntilTheReceipt(t *testing.T) {
	h, w, metrics := newHandler(t)
	silence := alarmOf(t, "MailWithoutReceiptHours")
	w.Mail.Silent = true
	id := w.Registered()
	w.Pass(correspondence.Silence - 10*time.Minute)
	rings := minutes(t, h, w, metrics, 8*60, func(int) {}, silence)[silence.MetricName]
	if rings[0] || !rings[20] || !rings[8*60-1] || slices.Contains(rings[20:], false) {
		t.Errorf("ringing after 20 minutes %v, after 8 hours %v", rings[20], rings[8*60-1])
	}
	for _, m := range w.Mails(id) {
		w.Mail.Receipt(flowtest.Chamber, m.MessageID, m.Address, pec.Delivered)
	}
	w.Pass(inbox.Lease)
	w.Settle()
	never(t, "mail", minutes(t, h, w, metrics, 30, func(int) {}, silence)[silence.MetricName])
}
