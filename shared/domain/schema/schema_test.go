package schema_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/problem"
	"sportello/shared/domain/schema"
)

func compile(t testing.TB, body string) *schema.Schema {
	t.Helper()
	document, err := schema.New("https://sportello.example/test.json", []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	compiled, err := document.Schema("")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func check(t testing.TB, s *schema.Schema, value string) []problem.Field {
	t.Helper()
	parsed, err := schema.Parse([]byte(value))
	if err != nil {
		t.Fatal(err)
	}
	return s.Check(parsed)
}

// Every keyword says in Italian what it asks.
func TestSentences(t *testing.T) {
	for _, c := range []struct{ schema, value, pointer, sentence string }{
		{`{"required":["a"]}`, `{}`, "#/a", "Questo campo è obbligatorio."},
		{`{"dependentRequired":{"a":["b"]}}`, `{"a":1}`, "#/b", "Questo campo è obbligatorio."},
		{`{"additionalProperties":false}`, `{"a/b~c è":1}`, "#/a~1b~0c%20%C3%A8", "Questo campo non è previsto."},
		{`{"propertyNames":{"pattern":"^a$"}}`, `{"b":1}`, "#/b", "Questo campo non è previsto."},
		{`{"properties":{"a":false}}`, `{"a":1}`, "#/a", "Questo campo non è previsto."},
		{`{"unevaluatedProperties":false}`, `{"a":1}`, "#/a", "Questo campo non è previsto."},
		{`{"type":"string"}`, `1`, "#", "Qui serve un testo."},
		{`{"type":"integer"}`, `1.5`, "#", "Qui serve un numero intero."},
		{`{"type":"number"}`, `"1"`, "#", "Qui serve un numero."},
		{`{"type":"boolean"}`, `"true"`, "#", "Qui serve vero o falso."},
		{`{"type":"object"}`, `[]`, "#", "Qui serve un gruppo di campi."},
		{`{"type":"array"}`, `{}`, "#", "Qui serve un elenco."},
		{`{"type":["string","null"]}`, `1`, "#", "Qui serve un testo."},
		{`{"enum":["a","b",3]}`, `"c"`, "#", "Il valore non è tra quelli previsti: a, b, 3."},
		{`{"enum":[1,2,3,4,5,6,7,8,9,10,11,12,13]}`, `"c"`, "#", "Il valore non è tra quelli previsti."},
		{`{"const":true}`, `false`, "#", "Questa casella va spuntata."},
		{`{"const":"x"}`, `"y"`, "#", "Il valore previsto è: x."},
		{`{"format":"date"}`, `"2026-02-30"`, "#", "Scrivi una data che esiste, nel formato AAAA-MM-GG."},
		{`{"format":"date-time"}`, `"ieri"`, "#", "Scrivi data e ora nel formato AAAA-MM-GGThh:mm:ssZ."},
		{`{"format":"time"}`, `"25:00"`, "#", "Scrivi un’ora nel formato hh:mm:ss."},
		{`{"format":"email"}`, `"a"`, "#", "Scrivi un indirizzo di posta elettronica valido."},
		{`{"format":"uuid"}`, `"a"`, "#", "L’identificativo non è valido."},
		{`{"format":"uri"}`, `"a"`, "#", "Scrivi un indirizzo web valido."},
		{`{"format":"ipv4"}`, `"a"`, "#", "Il formato non è quello richiesto."},
		{`{"pattern":"^a$"}`, `"b"`, "#", "Il formato non è quello richiesto."},
		{`{"pattern":"^a$","x-detail":"Scrivi a."}`, `"b"`, "#", "Scrivi a."},
		{`{"uniqueItems":true}`, `[1,1]`, "#", "L’elenco contiene due volte la stessa voce."},
		{`{"minLength":1}`, `""`, "#", "Questo campo non può essere vuoto."},
		{`{"minLength":3}`, `"è"`, "#", "Servono almeno 3 caratteri (ora è 1)."},
		{`{"maxLength":1}`, `"abc"`, "#", "È ammesso al massimo 1 carattere (ora sono 3)."},
		{`{"maxLength":2}`, `"abc"`, "#", "Sono ammessi al massimo 2 caratteri (ora sono 3)."},
		{`{"minItems":1}`, `[]`, "#", "Serve un elenco di almeno 1 voce."},
		{`{"maxItems":2}`, `[1,2,3]`, "#", "L’elenco può avere al massimo 2 voci."},
		{`{"minProperties":2}`, `{}`, "#", "Servono almeno 2 campi."},
		{`{"maxProperties":1}`, `{"a":1,"b":1}`, "#", "È ammesso al massimo 1 campo."},
		{`{"minimum":1}`, `0`, "#", "Il valore minimo è 1."},
		{`{"maximum":2.5}`, `3`, "#", "Il valore massimo è 2,5."},
		{`{"exclusiveMinimum":0}`, `0`, "#", "Il valore deve essere maggiore di 0."},
		{`{"exclusiveMaximum":0}`, `0`, "#", "Il valore deve essere minore di 0."},
		{`{"multipleOf":0.01}`, `0.001`, "#", "Il valore deve essere un multiplo di 0,01."},
		{`{"anyOf":[{"type":"string"},{"type":"null"}]}`, `1`, "#", "Il valore non è tra quelli previsti."},
		{`{"oneOf":[{"const":"a"},{"const":"b"}],"x-detail":"Scegli a o b."}`, `"c"`, "#", "Scegli a o b."},
		{`{"not":{"type":"string"}}`, `"a"`, "#", "Il valore non è tra quelli previsti."},
		{`{"contains":{"const":1}}`, `[2]`, "#", "Il valore non è tra quelli previsti."},
		{`{"$ref":"#/$defs/a b","$defs":{"a b":{"minLength":2,"x-detail":"Due lettere."}}}`, `"a"`, "#", "Due lettere."},
		{`{"if":{"required":["a"]},"then":{"required":["b"]}}`, `{"a":1}`, "#/b", "Questo campo è obbligatorio."},
		{`{"allOf":[{"properties":{"a":{"items":{"type":"string"}}}}]}`, `{"a":["x",2]}`, "#/a/1", "Qui serve un testo."},
	} {
		got := check(t, compile(t, c.schema), c.value)
		want := []problem.Field{{Pointer: c.pointer, Detail: c.sentence}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s on %s (-want +got):\n%s", c.schema, c.value, diff)
		}
	}
}

// All offending places come at once, sorted, below the place of the value.
func TestCheckAt(t *testing.T) {
	s := compile(t, `{"type":"object","required":["b","c"],"additionalProperties":false,"properties":{"b":{"type":"string"},"a":{"minLength":2},"c":{}}}`)
	value, err := schema.Parse([]byte(`{"a":"x","b":1,"z":1}`))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, field := range s.CheckAt(value, "#/answers") {
		got = append(got, field.Pointer)
	}
	if diff := cmp.Diff([]string{"#/answers/a", "#/answers/b", "#/answers/c", "#/answers/z"}, got); diff != "" {
		t.Errorf("pointers (-want +got):\n%s", diff)
	}
	if fields := check(t, s, `{"a":"xy","b":"","c":null}`); fields != nil {
		t.Errorf("valid value: %v", fields)
	}
	many := `{"b":"","c":1`
	for n := range 200 {
		many += `,"x` + strings.Repeat("y", n) + `":1`
	}
	if n := len(check(t, s, many+"}")); n > 50 {
		t.Errorf("%d places", n)
	}
}

// What was sent is not repeated: it may be personal.
func TestSentencesDoNotQuote(t *testing.T) {
	s := compile(t, `{"properties":{"a":{"enum":["x"]},"b":{"pattern":"^x$"},"c":{"format":"date"},"d":{"maxLength":1},"e":{"const":"x"},"f":{"type":"integer"}}}`)
	for _, field := range check(t, s, `{"a":"SEGRETO","b":"SEGRETO","c":"SEGRETO","d":"SEGRETO","e":"SEGRETO","f":"SEGRETO"}`) {
		if strings.Contains(field.Detail, "SEGRETO") {
			t.Errorf("%s: %s", field.Pointer, field.Detail)
		}
	}
}

func TestNew(t *testing.T) {
	for name, body := range map[string]string{"no JSON": `{`, "not UTF-8": "{\"a\":\"\xff\"}", "empty": ""} {
		if _, err := schema.New("https://sportello.example/x.json", []byte(body)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	document, err := schema.New("https://sportello.example/x.json", []byte(`{"a":{"$ref":"https://elsewhere.example/y.json"},"b":{"type":"nothing"},"c":[{"d/e":7}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, pointer := range []string{"/a", "/b", "/nowhere"} {
		if _, err := document.Schema(pointer); err == nil {
			t.Errorf("compiled %s", pointer)
		}
	}
	if got, ok := document.At("/c/0/d~1e"); !ok || got == nil {
		t.Errorf("at: %v %v", got, ok)
	}
	for _, pointer := range []string{"/c/1", "/c/x", "/c/-1", "/c/0/d~1e/f", "/z"} {
		if got, ok := document.At(pointer); ok {
			t.Errorf("at %s: %v", pointer, got)
		}
	}
}

// FuzzCheck: whatever comes in, an answer comes out, in UTF-8 and with places below the value's.
func FuzzCheck(f *testing.F) {
	s := compile(f, `{"type":"object","additionalProperties":false,"required":["a"],"properties":{"a":{"type":"string","maxLength":5,"pattern":"^[a-z]*$"},"b":{"type":"array","items":{"$ref":"#"}},"n":{"type":"number","minimum":0,"multipleOf":0.5}}}`)
	for _, value := range []string{`{}`, `{"a":"x"}`, `{"a":1,"b":[{"n":-1}]}`, `[1e400]`, `{"n":1e-400}`, `{"a":"\u0000"}`, `{"~/":0}`, "\xff"} {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		value, err := schema.Parse(body)
		if err != nil {
			return
		}
		for _, field := range s.CheckAt(value, "#/answers") {
			if !strings.HasPrefix(field.Pointer, "#/answers") || field.Detail == "" || !utf8.ValidString(field.Pointer+field.Detail) {
				t.Errorf("%q %q", field.Pointer, field.Detail)
			}
		}
	})
}
