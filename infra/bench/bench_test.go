package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

func TestLine(t *testing.T) {
	for _, c := range []struct {
		line line
		want string
	}{
		{
			result("a", 4.56789, "ratio", atLeast(4), map[string]any{"rounds": 3}),
			`{"name":"a","value":4.568,"unit":"ratio","bound":">= 4","ok":true,"details":{"rounds":3}}`,
		},
		{
			result("b", 1.00004, "ms", atMost(1), nil), // broken by less than is printed: broken
			`{"name":"b","value":1,"unit":"ms","bound":"<= 1","ok":false,"details":null}`,
		},
		{result("c", 12, "KB", nil, nil), `{"name":"c","value":12,"unit":"KB","bound":null,"ok":true,"details":null}`},
		{failure("d", errors.New("no")), `{"name":"d","value":0,"unit":"none","bound":null,"ok":false,"details":{"error":"no"}}`},
	} {
		var out bytes.Buffer
		if err := c.line.write(&out); err != nil {
			t.Fatal(err)
		}
		if out.String() != c.want+"\n" {
			t.Errorf("got  %swant %s", out.String(), c.want)
		}
	}
}

// A measurement that fails, and one whose bound is broken, end the run with an error, after all the others.
func TestMeasureFails(t *testing.T) {
	saved := measurements
	t.Cleanup(func() { measurements = saved })
	made := 0
	sound := measurement{"sound", "", func(*bench) ([]line, error) { made++; return []line{result("sound", 1, "", nil, nil)}, nil }}
	for name, bad := range map[string]func(*bench) ([]line, error){
		"broken": func(*bench) ([]line, error) { return []line{result("bad", 1, "", atLeast(2), nil)}, nil },
		"failed": func(*bench) ([]line, error) { return nil, errors.New("no emulator") },
	} {
		measurements, made = []measurement{{"bad", "", bad}, sound}, 0
		if err := (&bench{ctx: t.Context()}).measure(nil); !errors.Is(err, errBroken) || made != 1 {
			t.Errorf("%s: %v, %d others made", name, err, made)
		}
	}
	measurements = []measurement{sound}
	if err := (&bench{ctx: t.Context()}).measure(nil); err != nil {
		t.Error(err)
	}
}

func TestMedian(t *testing.T) {
	many := times{5, 1, 4, 2, 3}
	if many.median() != 3 || many.at(0.99) != 5 || many.sum() != 15 || (times{}).median() != 0 {
		t.Errorf("median %d, p99 %d, sum %d", many.median(), many.at(0.99), many.sum())
	}
}

func TestTypical(t *testing.T) {
	if got := ratio(times{10, 90, 20, 9, 10}, times{10, 10, 10, 10, 100}); got != 1 {
		t.Error(got)
	}
}

func TestPrices(t *testing.T) {
	p, err := readPrices(priceTable)
	if err != nil {
		t.Fatal(err)
	}
	p.USDPerEuro = 2
	p.Prices = map[string]price{"write": {USD: 3, Per: 1000}, "key": {USD: 1, Per: 1}}
	total, each, err := p.euro(amounts{"write": 500, "key": 4})
	if err != nil || math.Abs(total-2.75) > 1e-9 || each["write"] != 0.75 || each["key"] != 2 {
		t.Errorf("%v %v %v", total, each, err)
	}
	if _, _, err := p.euro(amounts{"unknown": 1}); err == nil {
		t.Error("something without a price costs nothing")
	}
	for _, wrong := range []string{`{}`, `{"usdPerEuro":1,"leftOut":["x"],"prices":{"a":{"usd":1,"per":1,"unit":"x","source":"x"}}}`, `{"other":1}`} {
		if _, err := readPrices([]byte(wrong)); err == nil {
			t.Errorf("%s was read", wrong)
		}
	}
}

// Whatever an application or a year may use has a price.
func TestCosts(t *testing.T) {
	p, err := readPrices(priceTable)
	if err != nil {
		t.Fatal(err)
	}
	d := deployment{keys: 2, metrics: 3, functions: []function{
		{ID: "Http", Memory: 512, Events: []event{{Type: "HttpApi"}}},
		{ID: "Rest", Memory: 1024, Events: []event{{Type: "HttpApi"}, {Type: "Api"}}},
		{ID: "Queue", Memory: 512, Events: []event{{Type: "SQS"}}},
		{ID: "Time", Memory: 512, Events: []event{
			{Type: "ScheduleV2", Name: "Sweep", Schedule: "rate(1 minute)"}, {Type: "ScheduleV2", Name: "Night", Schedule: "cron(0 3 * * ? *)"},
		}},
	}}
	did := work{2, 1000, map[string]float64{
		"dynamodb:PutItem": 9, "s3:PutObject": 2, "s3:GetObject": 3, "s3:DeleteObject": 4, "sqs:SendMessage": 5, "sqs:ReceiveMessage": 6, "kms:Sign": 7,
		"ssm:GetParameters": 8,
	}, map[string]units{"one": {10, 20, 30}, "other": {1, 2, 3}}}
	s := &stories{runs: map[string]work{"Sweep": work{}.plus(did, 0.5), "Night": {invocations: 1}}, day: passed{used: usage{"Queue": did}, objects: giga}, chambers: 2}
	one := p.passing(d, passed{used: usage{"Http": did, "Rest": did}, tables: giga, objects: 2 * giga, logs: giga})
	for name, want := range map[string]float64{
		"gateway.http": 2, "gateway.rest": 2, "cloudfront.requests": 4, "lambda.requests": 4, "lambda.duration": 1.5, "dynamodb.write": 66, "dynamodb.read": 66,
		"s3.put": 4, "s3.get": 6, "sqs.requests": 10, "kms.requests": 14, "s3.storage": 24, "dynamodb.storage": 12, "logs.ingested": 1,
	} {
		if one[name] != want {
			t.Errorf("%s: %v, want %v", name, one[name], want)
		}
	}
	always := p.year(d, s)
	for name, want := range map[string]float64{
		"kms.keys": 24, "alarms": 36, "scheduler.invocations": minutesInYear + 365, "lambda.requests": minutesInYear + 365 + 2*730,
		"sqs.requests": 5*3*minutesInYear + 2.5*minutesInYear + 5*730, "dynamodb.write": 16.5*minutesInYear + 33*730, "kms.requests": 3.5*minutesInYear + 7*730,
		"s3.storage": 12 * 730,
	} {
		if always[name] != want {
			t.Errorf("%s in a year: %v, want %v", name, always[name], want)
		}
	}
	for _, used := range []amounts{one, always} {
		if _, _, err := p.euro(used); err != nil {
			t.Error(err)
		}
	}
}

func TestRunsInYear(t *testing.T) {
	for schedule, want := range map[string]float64{
		"rate(1 minute)": 525600, "rate(5 minutes)": 105120, "rate(1 hour)": 8760, "cron(0 3 * * ? *)": 365, "rate(1 day)": 365,
	} {
		if got := runsInYear(schedule); got != want {
			t.Errorf("%s: %v, want %v", schedule, got, want)
		}
	}
}

// The template is read as it is: every function with where it lies, its memory and what calls it.
func TestTemplate(t *testing.T) {
	d, err := read("../..")
	if err != nil {
		t.Fatal(err)
	}
	if d.keys == 0 || d.metrics < 10 {
		t.Errorf("%d keys, %d metrics", d.keys, d.metrics)
	}
	for _, f := range d.functions {
		if f.Folder == "" || f.Folder == "." || f.Memory < 128 || len(f.Events) == 0 {
			t.Errorf("%+v", f)
		}
	}
	kinds := []string{}
	for _, f := range d.functions {
		for _, e := range f.Events {
			kinds = append(kinds, e.Type)
			if e.Type == "HttpApi" && (e.Method == "" || e.Path == "") || e.Type == "ScheduleV2" && e.Schedule == "" {
				t.Errorf("%s: %+v", f.ID, e)
			}
		}
	}
	slices.Sort(kinds)
	if kinds = slices.Compact(kinds); !slices.Equal(kinds, []string{"Api", "HttpApi", "SQS", "ScheduleV2"}) {
		t.Errorf("kinds of events %v: a new one has to be measured and paid for", kinds)
	}
}

// Copies of an application have ids of their own, the same wherever they stand.
func TestCopied(t *testing.T) {
	const id = "01987654-0000-7000-8000-000000000001"
	one, other := copied("APP#"+id+" "+id, 1), copied("APP#"+id, 2)
	left, right, _ := strings.Cut(strings.TrimPrefix(one, "APP#"), " ")
	if left != right || left == id || one == other || !uuid.MatchString(left) || copied(id, 1) != left {
		t.Errorf("%s, %s", one, other)
	}
	i := copyItem(map[string]types.AttributeValue{"pk": &types.AttributeValueMemberS{Value: id}, "v": &types.AttributeValueMemberN{Value: "7"}}, 1)
	if text(i["pk"]) != left || i["v"].(*types.AttributeValueMemberN).Value != "7" {
		t.Errorf("%v", i)
	}
}

// What was on the wire becomes the same input again, and what the loop cannot make is said.
func TestFill(t *testing.T) {
	var in dynamodb.TransactWriteItemsInput
	wire := map[string]any{"ClientRequestToken": "t", "TransactItems": []any{map[string]any{"Put": map[string]any{
		"TableName": "one", "Item": map[string]any{"pk": map[string]any{"S": "p"}, "v": map[string]any{"N": "3"}},
		"ConditionExpression": "v = :v", "ExpressionAttributeValues": map[string]any{":v": map[string]any{"N": "2"}},
		"ReturnValuesOnConditionCheckFailure": "NONE",
	}}}}
	if err := fill(reflect.ValueOf(&in).Elem(), wire); err != nil {
		t.Fatal(err)
	}
	put := in.TransactItems[0].Put
	if *in.ClientRequestToken != "t" || *put.TableName != "one" || text(put.Item["pk"]) != "p" || *put.ConditionExpression != "v = :v" ||
		put.ReturnValuesOnConditionCheckFailure != types.ReturnValuesOnConditionCheckFailureNone {
		t.Errorf("%+v", put)
	}
	for _, wrong := range []map[string]any{{"Unknown": 1.0}, {"ClientRequestToken": 1.0}, {"TransactItems": []any{map[string]any{"Put": map[string]any{
		"Item": map[string]any{"pk": map[string]any{"BOOL": true}},
	}}}}} {
		if err := fill(reflect.ValueOf(new(dynamodb.TransactWriteItemsInput)).Elem(), wrong); err == nil {
			t.Errorf("%v was taken", wrong)
		}
	}
}

// The meter hands calls on as they are, and counts what DynamoDB says they consumed, by who made them.
func TestMeter(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var asked map[string]any
		_ = json.Unmarshal(body, &asked)
		if asked["ReturnConsumedCapacity"] != "INDEXES" || asked["TableName"] != "one" {
			t.Errorf("asked %s", body)
		}
		_, _ = io.WriteString(w, `{"ConsumedCapacity":{"TableName":"one","CapacityUnits":7,"Table":{"CapacityUnits":3}}}`)
	}))
	t.Cleanup(upstream.Close)
	m, err := newMeter(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.close)
	for _, action := range []string{"PutItem", "GetItem"} {
		request, err := http.NewRequest(http.MethodPost, m.address, strings.NewReader(`{"TableName":"one"}`))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("X-Amz-Target", "DynamoDB_20120810."+action)
		request.Header.Set(caller, "Login")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	if calls := m.taken(); len(calls) != 2 || calls[0].action != "PutItem" || string(calls[0].body) != `{"TableName":"one"}` {
		t.Errorf("%+v", calls)
	}
	if got := m.consumed()[consumer{"Login", "one"}]; got != (units{3, 4, 7}) {
		t.Errorf("%+v", got)
	}
	list := consumption([]byte(`{"ConsumedCapacity":[{"TableName":"a","CapacityUnits":2,"Table":{"CapacityUnits":2}},{"TableName":"b","CapacityUnits":1}]}`))
	if len(list) != 2 || list[1].TableName != "b" {
		t.Errorf("%+v", list)
	}
}

func TestWork(t *testing.T) {
	before := work{1, 10, map[string]float64{"a": 1, "b": 2}, map[string]units{"t": {1, 1, 1}}}
	after := work{3, 50, map[string]float64{"a": 4, "b": 2}, map[string]units{"t": {5, 1, 0}}}
	d := after.plus(before, -1)
	if d.invocations != 2 || d.millis != 40 || len(d.calls) != 1 || d.calls["a"] != 3 || d.units["t"] != (units{4, 0, -1}) {
		t.Errorf("%+v", d)
	}
	if p := d.positive(); p.units["t"] != (units{4, 0, 0}) {
		t.Errorf("%+v", p)
	}
	if millis(1500*time.Microsecond) != 1.5 {
		t.Error("millis")
	}
}

func TestPageNeeds(t *testing.T) {
	html := `<link rel="alternate" hreflang="en" href="/en/"><link rel="preload" href="/a.woff2" as="font"><link rel="stylesheet" href="/s.css">
<script type="module" src="/assets/home.js"></script><svg><use href="/icons.svg#it-user"></use></svg><img src="/logo.svg" alt><a href="/camere/">x</a>`
	if got := strings.Join(needs("/index.html", []byte(html)), " "); got != "/a.woff2 /s.css /assets/home.js /icons.svg /logo.svg" {
		t.Error(got)
	}
	script := `import{a}from"./shell-1.js";import"../b.js";const later=()=>import("./later.js")`
	if got := strings.Join(needs("/assets/home.js", []byte(script)), " "); got != "/assets/shell-1.js /b.js" {
		t.Error(got)
	}
}

// What a package initialises is in every program that imports it; only the rest tells who uses it.
func TestLinked(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "bootstrap")
	for text, want := range map[string]string{
		"\x00sportello/shared/platform/pdffile.init\x00sportello/shared/platform/pdffiles.Open\x00": "",
		"\x00sportello/shared/platform/pdffile.Open\x00sportello/shared/platform/pdffile.(*File).Page\x00github.com/go-pdf/fpdf.New\x00": "github.com/go-pdf/fpdf (1 functions), " +
			"sportello/shared/platform/pdffile (2 functions)",
	} {
		if err := os.WriteFile(binary, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := linked(binary)
		if err != nil || strings.Join(got, ", ") != want {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// What is compared pair by pair is neither moved by a pair that the machine held up, nor rounded in anybody's favour.
func TestPairs(t *testing.T) {
	const ms = time.Millisecond
	ours, bare := times{10 * ms, 20 * ms, 10 * ms, 900 * ms}, times{8 * ms, 10 * ms, 9 * ms, 9 * ms}
	if got := ratio(bare, ours); math.Abs(got-0.65) > 1e-9 { // 0.8, 0.5, 0.9, 0.01
		t.Errorf("ratio %v", got)
	}
	if got := excess(ours, bare); got != 6 { // 2, 10, 1, 891
		t.Errorf("excess %v", got)
	}
	for want, values := range map[float64][]float64{0: nil, 2: {3, 1, 2}, 2.5: {4, 1, 3, 2}} {
		if got := middle(values); got != want {
			t.Errorf("middle of %v: %v", values, got)
		}
	}
}

// A sum says how much of it rests on prices that nobody confirmed; what it is of may be nothing.
func TestCostShare(t *testing.T) {
	p := prices{USDPerEuro: 1, Prices: map[string]price{"sure": {USD: 1, Per: 1, Confirmed: true}, "unsure": {USD: 3, Per: 1}}}
	for want, used := range map[float64]amounts{0.75: {"sure": 1, "unsure": 1}, 0: {"sure": 0}} {
		l, _, err := p.cost("cost", used, map[string]any{"of": "x"})
		if err != nil || l.Details["shareNotConfirmed"] != want || l.Details["of"] != "x" {
			t.Errorf("%v: %+v, %v", used, l, err)
		}
		if err := l.write(io.Discard); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := p.cost("cost", amounts{"unknown": 1}, nil); err == nil {
		t.Error("what has no price costs something")
	}
	for _, broken := range []string{
		`{"usdPerEuro":1,"leftOut":["x"],"prices":{"a":{"usd":1,"per":1,"unit":"u","source":"","date":"2026-01-15"}}}`,
		`{"usdPerEuro":1,"leftOut":["x"],"assumptions":{"a":{"value":1,"why":""}}}`, `{"usdPerEuro":1,"leftOut":[]}`, `{"usdPerEuro":1,"unknown":1}`,
	} {
		if _, err := readPrices([]byte(broken)); err == nil {
			t.Errorf("read %s", broken)
		}
	}
}

// Each service's application has its line, the year is shared out among them, and what a day takes is counted for every chamber's days.
func TestShares(t *testing.T) {
	p, err := readPrices(priceTable)
	if err != nil {
		t.Fatal(err)
	}
	all := 0.0
	for _, s := range services() {
		all += p.share(s.id)
	}
	if math.Abs(all-1) > 1e-9 {
		t.Errorf("the services' shares make %v", all)
	}
}
