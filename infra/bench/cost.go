package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"strings"
	"time"
)

//go:embed prices.json
var priceTable []byte

// prices is the dated table of list prices.
type prices struct {
	Region     string
	Date       string
	Status     string
	USDPerEuro float64
	Prices     map[string]price
	// Assumptions are numbers that nobody here can measure, each with its reason.
	Assumptions map[string]assumption
	LeftOut     []string
}

// price is what so many units of something cost.
type price struct {
	USD          float64
	Per          float64
	Unit         string
	Source, Date string
	// Confirmed: somebody else's copy of the list, named in Source, has the same figure. What is not was written down by hand.
	Confirmed bool
}

type assumption struct {
	Value float64 `json:"value"`
	Why   string  `json:"why"`
}

func readPrices(text []byte) (prices, error) {
	var p prices
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		return p, fmt.Errorf("reading prices: %w", err)
	}
	for name, one := range p.Prices {
		_, err := time.Parse(time.DateOnly, one.Date)
		if one.USD <= 0 || one.Per <= 0 || one.Unit == "" || one.Source == "" || err != nil {
			return p, fmt.Errorf("reading prices: %s is incomplete", name)
		}
	}
	for name, a := range p.Assumptions {
		if a.Value < 0 || a.Why == "" {
			return p, fmt.Errorf("reading prices: the assumption %s has no reason", name)
		}
	}
	if p.USDPerEuro <= 0 || len(p.LeftOut) == 0 {
		return p, errors.New("reading prices: no rate, or nothing left out")
	}
	return p, nil
}

// amounts are how much is used of what has a price.
type amounts map[string]float64

// euro is what the amounts cost, in all and each.
func (p prices) euro(used amounts) (total float64, each map[string]float64, err error) {
	each = map[string]float64{}
	for name, amount := range used {
		one, ok := p.Prices[name]
		if !ok {
			return 0, nil, fmt.Errorf("%s has no price", name)
		}
		each[name] = amount / one.Per * one.USD / p.USDPerEuro
		total += each[name]
	}
	return total, each, nil
}

// costs prices one application of each service and a chamber's day by what they took, and a year by the volume asked for and by what runs
// whether or not anybody applies.
func costs(b *bench) ([]line, error) {
	p, err := readPrices(priceTable)
	if err != nil {
		return nil, err
	}
	all, err := b.told()
	if err != nil {
		return nil, err
	}
	var lines []line
	mean := 0.0 // of an application
	for _, s := range all.each {
		l, euro, err := p.cost("cost.application."+s.service.id, p.passing(b.deployment, s.passed), nil)
		if err != nil {
			return nil, err
		}
		lines, mean = append(lines, l), mean+euro*p.share(s.service.id)
	}
	day, _, err := p.cost("cost.day", p.passing(b.deployment, all.day), map[string]any{"of": "one chamber's, with the entries of both stories"})
	if err != nil {
		return nil, err
	}
	year, _, err := p.cost("cost.year", p.year(b.deployment, all), map[string]any{
		"applications": b.volume, "euroEach": round(mean), "chambers": all.chambers, "assumptions": p.Assumptions,
		"method": "amounts, euro and euroFixed are of what passes whether or not anybody applies; each application adds euroEach, the mean of the services'",
	})
	if err != nil {
		return nil, err
	}
	year.Details["euroFixed"] = year.Value
	year.Value = round(year.Value + mean*b.volume)
	return append(lines, day, year), nil
}

// share is the part of a year's applications that are of a service.
func (p prices) share(service string) float64 {
	if service == priceLists {
		return p.Assumptions["priceLists"].Value
	}
	return 1 - p.Assumptions["priceLists"].Value
}

// cost is the line of what amounts cost, with the prices that it rests on and how much of it rests on those that nobody confirmed.
func (p prices) cost(name string, used amounts, more map[string]any) (line, float64, error) {
	total, each, err := p.euro(used)
	if err != nil {
		return line{}, 0, err
	}
	table, unconfirmed := map[string]string{}, 0.0
	for what := range used {
		q := p.Prices[what]
		table[what] = fmt.Sprintf("%g USD for %g %s (%s, %s)", q.USD, q.Per, q.Unit, q.Source, q.Date)
		if !q.Confirmed {
			unconfirmed += each[what]
		}
	}
	details := map[string]any{
		"amounts": rounded(used), "euro": rounded(each), "leftOut": p.LeftOut,
		"table":             map[string]any{"region": p.Region, "date": p.Date, "status": p.Status, "usdPerEuro": p.USDPerEuro, "prices": table},
		"shareNotConfirmed": round(unconfirmed / max(total, math.SmallestNonzeroFloat64)),
		"method": "amounts of application.calls and day.calls; time of functions as it passed here, starts included, not on Lambda's processors; " +
			"the first year's storage",
	}
	maps.Copy(details, more)
	return result(name, total, "EUR", nil, details), total, nil
}

func rounded(values map[string]float64) map[string]float64 {
	short := map[string]float64{}
	for name, v := range values {
		short[name] = round(v)
	}
	return short
}

const giga = 1 << 30

// passing is what an application, or a day, uses.
func (p prices) passing(d deployment, s passed) amounts {
	months := p.Assumptions["monthsKept"].Value
	used := amounts{
		"dynamodb.storage": float64(s.tables) / giga * months, "dynamodb.recovery": float64(s.tables) / giga * months,
		"s3.storage": float64(s.objects) / giga * months, "logs.ingested": float64(s.logs) / giga,
	}
	for _, f := range d.functions {
		n := s.used[f.ID].invocations
		used.add(f, s.used[f.ID], 1)
		switch {
		case f.by("Api"): // the chambers' door; the few calls that an officer's browser makes of it cost less
			used["gateway.rest"] += n
		case f.by("HttpApi"):
			used["gateway.http"] += n
		}
	}
	used["cloudfront.requests"] = used["gateway.http"] + used["gateway.rest"]
	return used
}

// add counts a function's work so many times, by what it is billed as. Calls of DynamoDB are billed by unit, those of Parameter Store not at
// all.
func (a amounts) add(f function, w work, times float64) {
	a["lambda.requests"] += times * w.invocations
	a["lambda.duration"] += times * w.millis / 1000 * float64(f.Memory) / 1024
	for _, u := range w.units {
		a["dynamodb.write"] += times * (u.Table + u.Indexes)
		a["dynamodb.read"] += times * u.Read
	}
	for kind, n := range w.calls {
		service, action, _ := strings.Cut(kind, ":")
		switch {
		case service == "s3" && strings.HasPrefix(action, "Delete"): // free
		case service == "s3" && (strings.HasPrefix(action, "Get") || strings.HasPrefix(action, "Head")):
			a["s3.get"] += times * n
		case service == "s3":
			a["s3.put"] += times * n
		case service == "sqs" && action != "ReceiveMessage":
			a["sqs.requests"] += times * n
		case service == "kms":
			a["kms.requests"] += times * n
		}
	}
}

const minutesInYear = 365 * 24 * 60

// year is what a year uses when nobody applies: keys, alarms, the queues' consumers, the schedules with what each run takes, and the closing
// of every chamber's days, each as if it had entries.
func (p prices) year(d deployment, s *stories) amounts {
	used := amounts{"kms.keys": 12 * float64(d.keys), "alarms": 12 * float64(d.metrics)}
	for _, f := range d.functions {
		for _, e := range f.Events {
			switch e.Type {
			case "SQS":
				used["sqs.requests"] += p.Assumptions["pollers"].Value * 3 * minutesInYear
			case "ScheduleV2":
				runs := runsInYear(e.Schedule)
				used["scheduler.invocations"] += runs
				used.add(f, s.runs[e.Name], runs)
			}
		}
	}
	for what, amount := range p.passing(d, s.day) {
		used[what] += amount * 365 * float64(s.chambers)
	}
	return used
}

// runsInYear reads a schedule: a rate in minutes or hours; whatever else runs once a day.
func runsInYear(schedule string) float64 {
	var every float64
	var unit string
	if _, err := fmt.Sscanf(strings.TrimSuffix(schedule, ")"), "rate(%g %s", &every, &unit); err == nil && every > 0 {
		switch strings.TrimSuffix(unit, "s") {
		case "minute":
			return minutesInYear / every
		case "hour":
			return minutesInYear / 60 / every
		}
	}
	return 365
}
