package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// line is one measurement as it is printed: one JSON object a line.
type line struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Bound is what the value is held to, such as ">= 4"; null where nothing is promised.
	Bound *bound `json:"bound"`
	// OK is false where the bound is broken or the measurement failed.
	OK      bool           `json:"ok"`
	Details map[string]any `json:"details"`
}

// bound is a limit: the value is at least, or at most, this.
type bound struct {
	least bool
	limit float64
}

func atLeast(limit float64) *bound { return &bound{true, limit} }
func atMost(limit float64) *bound  { return &bound{false, limit} }

func (b *bound) holds(value float64) bool {
	switch {
	case b == nil:
		return true
	case b.least:
		return value >= b.limit
	}
	return value <= b.limit
}

// String is the bound as people say it.
func (b *bound) String() string {
	sign := "<= "
	if b.least {
		sign = ">= "
	}
	return sign + strconv.FormatFloat(b.limit, 'g', -1, 64)
}

// MarshalText writes it so.
func (b *bound) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// result makes a line; the bound is held to the value as it was measured, not as it is printed.
func result(name string, value float64, unit string, b *bound, details map[string]any) line {
	return line{name, round(value), unit, b, b.holds(value), details}
}

// failure is the line of a measurement that could not be made: never a success.
func failure(name string, err error) line {
	return line{Name: name, Unit: "none", Details: map[string]any{"error": err.Error()}}
}

// round keeps four significant digits: more would be noise.
func round(value float64) float64 {
	short, err := strconv.ParseFloat(strconv.FormatFloat(value, 'g', 4, 64), 64)
	if err != nil {
		return value
	}
	return short
}

func (l line) write(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(l); err != nil {
		return fmt.Errorf("writing %s: %w", l.Name, err)
	}
	return nil
}

// times are durations of the same thing.
type times []time.Duration

// at is the quantile q of the times, 0 of none.
func (t times) at(q float64) time.Duration {
	if len(t) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(t))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func (t times) median() time.Duration { return t.at(0.5) }

func (t times) sum() (all time.Duration) {
	for _, one := range t {
		all += one
	}
	return all
}

// middle is the median: of an even number, the mean of the two in the middle, so that neither side is favoured. 0 of none.
func middle(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	if n == 0 {
		return 0
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// ratio is the median of how many times as long the one took as the other that was done right before or after it: what else the machine did
// then held up both.
func ratio(one, other times) float64 {
	var ratios []float64
	for n := range one {
		ratios = append(ratios, float64(one[n])/float64(other[n]))
	}
	return middle(ratios)
}

// excess is the median of how many milliseconds longer the one took than the other that was done right before or after it.
func excess(one, other times) float64 {
	var differences []float64
	for n := range one {
		differences = append(differences, millis(one[n]-other[n]))
	}
	return middle(differences)
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
