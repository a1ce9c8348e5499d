package lambdafn

import (
	"encoding/json"
	"io"
	"sync"
	"time"
)

// Namespace is where the sportello's own metrics are found in CloudWatch.
const Namespace = "Sportello"

// Unit is a unit of CloudWatch.
type Unit string

// The units in use.
const (
	Count        Unit = "Count"
	Milliseconds Unit = "Milliseconds"
	Seconds      Unit = "Seconds"
	Bytes        Unit = "Bytes"
)

// Dimension tells apart the values of one metric. Its values are few and known (a chamber, a queue), never an id.
type Dimension struct{ Name, Value string }

// Metrics writes metrics as log lines in CloudWatch's embedded metric format, which costs no call and is not lost when
// the process is frozen right after.
type Metrics struct {
	now             func() time.Time
	stage, function string

	mu sync.Mutex
	w  io.Writer
}

// NewMetrics returns a writer of metrics on w.
func NewMetrics(w io.Writer, now func() time.Time, stage, function string) *Metrics {
	return &Metrics{w: w, now: now, stage: stage, function: function}
}

// Count adds n to a metric.
func (m *Metrics) Count(name string, n int, dimensions ...Dimension) {
	m.Put(name, Count, float64(n), dimensions...)
}

// Put records one value of a metric, under the dimensions given and the stage. The function's name is a property of the
// line, to search by: as a dimension it would split the totals.
//
// Format: "Specification: Embedded metric format", Amazon CloudWatch User Guide.
func (m *Metrics) Put(name string, unit Unit, value float64, dimensions ...Dimension) {
	names := []string{"Stage"}
	line := map[string]any{"Stage": m.stage, "Function": m.function, name: value}
	for _, d := range dimensions {
		names = append(names, d.Name)
		line[d.Name] = d.Value
	}
	line["_aws"] = map[string]any{
		"Timestamp": m.now().UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{
			"Namespace":  Namespace,
			"Dimensions": [][]string{names},
			"Metrics":    []any{map[string]any{"Name": name, "Unit": unit}},
		}},
	}
	body, err := json.Marshal(line)
	if err != nil {
		return // NaN or infinity: no metric rather than no invocation
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _ = m.w.Write(append(body, '\n'))
}
