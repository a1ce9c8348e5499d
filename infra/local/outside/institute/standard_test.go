package institute

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// published is a description of pagoPA's APIs from the folder of standards that some working copies
// have beside the repository.
type published struct {
	Components struct {
		Schemas map[string]struct {
			Required   []string
			Properties map[string]struct{ Enum []string }
		}
	}
}

func standard(t *testing.T, name string) published {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "..", "shared", "standards", "pagopa", name))
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("description %s is not beside this working copy", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	var p published
	if err := json.Unmarshal(raw, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// fits looks for names the description does not have, values outside its lists, and what is missing.
func (p published) fits(t *testing.T, schema string, v map[string]any) {
	t.Helper()
	s, found := p.Components.Schemas[schema]
	if !found {
		t.Fatalf("no schema %s", schema)
	}
	for name, value := range v {
		property, known := s.Properties[name]
		if !known {
			t.Errorf("%s has no %s", schema, name)
		}
		listed := len(property.Enum) == 0
		for _, one := range property.Enum {
			listed = listed || value == one
		}
		if !listed {
			t.Errorf("%s.%s is not to be %v", schema, name, value)
		}
	}
	for _, name := range s.Required {
		if _, there := v[name]; !there {
			t.Errorf("%s: no %s", schema, name)
		}
	}
}

func TestPositionsFitPagoPA(t *testing.T) {
	gpdAPI := standard(t, "gpd.json")
	c := open(t)
	asked := debt("app-1", iuv(1, 1), c.Clock.Now().Add(time.Hour))
	gpdAPI.fits(t, "PaymentPositionModel", asked)
	p := c.owed("app-2")
	c.pay(p, "")
	answered, option := c.status(p)
	gpdAPI.fits(t, "PaymentPositionModelBaseResponse", answered)
	gpdAPI.fits(t, "PaymentOptionModelResponse", option)
	gpdAPI.fits(t, "TransferModelResponse", option["transfer"].([]any)[0].(map[string]any))
	var list map[string]any
	if err := json.Unmarshal(c.want(http.StatusOK, "GET", gpd, nil), &list); err != nil {
		t.Fatal(err)
	}
	gpdAPI.fits(t, "PaymentPositionsInfo", list)
	gpdAPI.fits(t, "PageInfo", list["page_info"].(map[string]any))
}

func TestCartsFitPagoPA(t *testing.T) {
	checkout := standard(t, "checkout_v1.json")
	c := open(t)
	asked := cart(c.owed("app-1"))
	checkout.fits(t, "CartRequest", asked)
	checkout.fits(t, "PaymentNotice", asked["paymentNotices"].([]any)[0].(map[string]any))
}
