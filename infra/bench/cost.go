package main

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
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

// costs prices one application by what the story took, and a year by the volume asked for and by what runs whether or not anybody applies.
func costs(b *bench) ([]line, error) {
	p, err := readPrices(priceTable)
	if err != nil {
		return nil, err
	}
	s, err := b.told()
	if err != nil {
		return nil, err
	}
	one, always := p.application(b.deployment, s), p.year(b.deployment, s)
	perApplication, eachOne, err := p.euro(one)
	if err != nil {
		return nil, err
	}
	fixed, eachAlways, err := p.euro(always)
	if err != nil {
		return nil, err
	}
	sources := map[string]string{}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(one)), slices.Collect(maps.Keys(always))) {
		q := p.Prices[name]
		sources[name] = fmt.Sprintf("%g USD for %g %s (%s, %s)", q.USD, q.Per, q.Unit, q.Source, q.Date)
	}
	table := map[string]any{"region": p.Region, "date": p.Date, "status": p.Status, "usdPerEuro": p.USDPerEuro, "prices": sources}
	return []line{
		result("cost.application", perApplication, "EUR", nil, map[string]any{
			"amounts": rounded(one), "euro": rounded(eachOne), "table": table, "leftOut": p.LeftOut,
			"method": "amounts of application.calls; time of functions as it passed here, starts included, not on Lambda's processors; the first year's storage",
		}),
		result("cost.year", fixed+perApplication*b.volume, "EUR", nil, map[string]any{
			"applications": b.volume, "fixedEuro": round(fixed), "amountsFixed": rounded(always), "euroFixed": rounded(eachAlways),
			"assumptions": p.Assumptions, "leftOut": p.LeftOut,
		}),
	}, nil
}

func rounded(values map[string]float64) map[string]float64 {
	short := map[string]float64{}
	for name, v := range values {
		short[name] = round(v)
	}
	return short
}

const giga = 1 << 30

// application is what one application uses.
func (p prices) application(d deployment, s *story) amounts {
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

// year is what a year uses when nobody applies: keys, alarms, the queues' consumers, and the schedules with what each run takes.
func (p prices) year(d deployment, s *story) amounts {
	used := amounts{"kms.keys": 12 * float64(d.keys), "alarms": 12 * float64(d.metrics)}
	for _, f := range d.functions {
		for _, e := range f.Events {
			switch e.Type {
			case "SQS":
				used["sqs.requests"] += p.Assumptions["pollers"].Value * 3 * minutesInYear
			case "ScheduleV2":
				runs := runsInYear(e.Schedule)
				used["scheduler.invocations"] += runs
				used.add(f, s.runs[f.ID], runs)
			}
		}
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
