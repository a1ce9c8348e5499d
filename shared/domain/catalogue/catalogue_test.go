package catalogue

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/problem"
)

func TestLookup(t *testing.T) {
	s, err := Lookup("milano", "reclami")
	if err != nil {
		t.Fatal(err)
	}
	if s.ID != "reclami" || s.Chamber.ID != "milano" || s.TermDays != 30 {
		t.Errorf("got %s of %s, %d days", s.ID, s.Chamber.ID, s.TermDays)
	}
	if s.Office.Name == "" || s.Office.PEC == "" || s.Office.Responsible.Name == "" || s.Office.Substitute.Name == "" {
		t.Errorf("office %+v", s.Office)
	}
	if s.Allows(RefusalNotice) || !s.Allows(IntegrationRequest) || s.Allows("anything") {
		t.Error("a complaint takes integration requests and no refusal notice")
	}
	if o, ok := s.Outcome("founded"); !ok || o.Title != "Reclamo fondato" {
		t.Errorf("outcome %+v", o)
	}
	if _, ok := s.Outcome("granted"); ok {
		t.Error("a complaint cannot be granted")
	}
}

// What the sheet of a service for companies promises before anything is asked: for whom, at what price, signed.
func TestPriceList(t *testing.T) {
	for _, c := range Chambers() {
		s, err := Lookup(c.ID, "listino-prezzi")
		if err != nil {
			t.Fatal(err)
		}
		if s.Office.ID != "listini" || s.Cost.Kind != "act" || s.Cost.Cents != 300 || len(s.Profiles) != 1 || s.Profiles[0] != "company" {
			t.Errorf("%s: office %s, cost %+v, for %v", c.ID, s.Office.ID, s.Cost, s.Profiles)
		}
		if n := len(s.Uploads); n != 1 || !s.Uploads[0].Signed || s.Uploads[0].Min != 1 || s.Uploads[0].MaxBytes != 30<<20 {
			t.Errorf("%s: files %+v", c.ID, s.Uploads)
		}
	}
	list := Upload{Field: "list", Name: "listino.pdf.p7m", MediaType: "application/pkcs7-mime", Size: 30 << 20}
	if got := ValidateUpload("listino-prezzi", list); got != nil {
		t.Errorf("the largest list: %v", got)
	}
	if list.Size++; !cmp.Equal(pointers(ValidateUpload("listino-prezzi", list)), []string{"#/size"}) {
		t.Error("a list of more than 30 MB is taken")
	}
	if got := pointers(ValidateAttachments("listino-prezzi", nil)); !cmp.Equal(got, []string{"#/attachments/list"}) {
		t.Errorf("no list: %v", got)
	}
}

func TestChamberSettingsWin(t *testing.T) {
	o := data().services["reclami"]
	c, _ := ChamberByID("milano")
	c.Settings = map[string]Choice{"reclami": {Active: true, TermDays: 20}}
	if s := o.in(c); s.TermDays != 20 {
		t.Errorf("%d days", s.TermDays)
	}
	c.Settings = map[string]Choice{"reclami": {Active: true}}
	if s := o.in(c); s.TermDays != o.sheet.Term.Days {
		t.Errorf("%d days", s.TermDays)
	}
}

func TestLookupRefuses(t *testing.T) {
	for _, at := range [][2]string{{"roma", "reclami"}, {"milano", "anagrafe"}, {"", ""}, {"../milano", "reclami"}} {
		if _, err := Lookup(at[0], at[1]); !problem.Is(err, problem.NotFound) {
			t.Errorf("%v: %v", at, err)
		}
	}
}

func TestChamberByHost(t *testing.T) {
	for host, want := range map[string]string{
		"milano.localhost:8080": "milano", "MILANO.sportello.example.it": "milano", "como-lecco.localhost": "como-lecco",
		"localhost:8080": "", "": "", "accesso.localhost": "",
	} {
		if c, _ := ChamberByHost(host); c.ID != want {
			t.Errorf("%s shows %q, want %q", host, c.ID, want)
		}
	}
}

// What is invented serves nobody in production, and is named; a register that nobody has built is refused wherever it is.
func TestReady(t *testing.T) {
	real, example := Chamber{ID: "real"}, Chamber{ID: "example", Placeholders: []string{"/taxCode", "/pec"}}
	for name, c := range map[string]struct {
		stage    string
		chambers []Chamber
		want     []string
	}{
		"examples, in a test":       {"test", []Chamber{real, example}, nil},
		"real ones":                 {Production, []Chamber{real, real}, nil},
		"an example, in production": {Production, []Chamber{real, example}, []string{"example", "/taxCode", "/pec"}},
	} {
		err := content{chambers: c.chambers}.ready(c.stage)
		if (err != nil) != (c.want != nil) {
			t.Errorf("%s: %v", name, err)
		}
		for _, word := range c.want {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v does not name %s", name, err, word)
			}
		}
	}
}

func TestRegisterModes(t *testing.T) {
	for mode, taken := range map[string]bool{"internal": true, "external": true, "both": false, "": false} {
		_, err := load(fstest.MapFS{"data/chambers/x.json": {Data: []byte(`{"id":"x","register":{"mode":"` + mode + `"}}`)}})
		if (err == nil) != taken {
			t.Errorf("mode %q: %v", mode, err)
		}
	}
}

func TestServices(t *testing.T) {
	for _, c := range Chambers() {
		services := Services(c.ID)
		if len(services) == 0 || services[0].Chamber.ID != c.ID {
			t.Errorf("%s offers %d services", c.ID, len(services))
		}
	}
	if got := Services("roma"); got != nil {
		t.Errorf("a stranger offers %d services", len(got))
	}
}

func pointers(fields []problem.Field) []string {
	var got []string
	for _, f := range fields {
		got = append(got, f.Pointer)
	}
	return got
}

func TestValidateUpload(t *testing.T) {
	good := Upload{Field: "evidence", Name: "Ricevuta è.PDF", MediaType: "application/pdf", Size: 1}
	tests := []struct {
		name   string
		change func(*Upload)
		want   []string
	}{
		{"good", func(*Upload) {}, nil},
		{"largest", func(u *Upload) { u.Size = 10 << 20 }, nil},
		{"fifth", func(u *Upload) { u.Others = 4 }, nil},
		{"photo", func(u *Upload) { u.Name, u.MediaType = "a.jpeg", "image/jpeg" }, nil},
		{"signed", func(u *Upload) { u.Name, u.MediaType = "a.pdf.p7m", "application/pkcs7-mime" }, nil},
		{"unknown field", func(u *Upload) { u.Field = "budget" }, []string{"#/field"}},
		{"sixth", func(u *Upload) { u.Others = 5 }, []string{"#/field"}},
		{"empty", func(u *Upload) { u.Size = 0 }, []string{"#/size"}},
		{"too large", func(u *Upload) { u.Size = 10<<20 + 1 }, []string{"#/size"}},
		{"no name", func(u *Upload) { u.Name = " " }, []string{"#/name"}},
		{"path in the name", func(u *Upload) { u.Name = "../a.pdf" }, []string{"#/name"}},
		{"control in the name", func(u *Upload) { u.Name = "a\x00.pdf" }, []string{"#/name"}},
		{"line in the name", func(u *Upload) { u.Name = "a\nb.pdf" }, []string{"#/name"}},
		{"name that reads backwards", func(u *Upload) { u.Name = "conto\u202efdp.pdf" }, []string{"#/name"}},
		{"name with what does not show", func(u *Upload) { u.Name = "a\u200b.pdf" }, []string{"#/name"}},
		{"name with a line separator", func(u *Upload) { u.Name = "a\u2028b.pdf" }, []string{"#/name"}},
		{"name with no character", func(u *Upload) { u.Name = "a\uffff.pdf" }, []string{"#/name"}},
		{"name with a picture", func(u *Upload) { u.Name = "👩\u200d👧 e\u0300.pdf" }, nil},
		{"program", func(u *Upload) { u.Name, u.MediaType = "a.exe", "application/octet-stream" }, []string{"#/name", "#/mediaType"}},
		{"page that would run", func(u *Upload) { u.MediaType = "text/html" }, []string{"#/mediaType"}},
		{"type against the name", func(u *Upload) { u.MediaType = "image/png" }, []string{"#/mediaType"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u := good
			test.change(&u)
			if diff := cmp.Diff(test.want, pointers(ValidateUpload("reclami", u))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	if got := pointers(ValidateUpload("anagrafe", good)); !cmp.Equal(got, []string{"#/field"}) {
		t.Errorf("unknown service: %v", got)
	}
}

func TestValidateAttachments(t *testing.T) {
	file := Upload{Field: "evidence"}
	for _, test := range []struct {
		name    string
		present []Upload
		want    []string
	}{
		{"none asked, none there", nil, nil},
		{"five", []Upload{file, file, file, file, file}, nil},
		{"six", []Upload{file, file, file, file, file, file}, []string{"#/attachments/evidence"}},
		{"unknown", []Upload{{Field: "budget"}, {Field: "a b"}}, []string{"#/attachments", "#/attachments/budget"}},
	} {
		if diff := cmp.Diff(test.want, pointers(ValidateAttachments("reclami", test.present))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	f := Files("outcome", "Documento", 1)
	f.Min = 1
	o := offered{sheet: Sheet{ID: "x"}, form: &form{uploads: []UploadField{f}}}
	if got := o.form.missing(nil); !cmp.Equal(pointers(got), []string{"#/attachments/outcome"}) {
		t.Errorf("a required file is missing, got %v", got)
	}
}

func TestFiles(t *testing.T) {
	f := Files("office", "Atto", 3)
	if got := f.Check(Upload{Name: "atto.pdf", MediaType: "application/pdf", Size: 10}); got != nil {
		t.Errorf("got %v", got)
	}
}
