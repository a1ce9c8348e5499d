package institute

import (
	"embed"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sportello/infra/local/outside/page"
)

//go:embed pages/*.html
var pageFiles embed.FS

var (
	overviewPage = page.Parse(pageFiles, "pages/overview.html")
	payPage      = page.Parse(pageFiles, "pages/pay.html")
	noticePage   = page.Parse(pageFiles, "pages/notice.html")
)

const section = "istituto"

func (i *Institute) pageRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /istituto", i.showOverview)
	mux.HandleFunc("POST /istituto/callback", i.formRelease)
	mux.HandleFunc("POST /istituto/rimborso", i.formSettle)
	mux.HandleFunc("GET /istituto/avviso", i.showNotice)
	mux.HandleFunc("POST /istituto/avviso", i.formNotice)
	mux.HandleFunc("GET /istituto/paga/{cart}", i.showCart)
	mux.HandleFunc("POST /istituto/paga/{cart}", i.formPay)
}

// row is a position for the page.
type row struct {
	Position
	Key, State, Due string
}

// Euro is an amount with its cents, as Italian people write it.
func Euro(cents int64) string { return fmt.Sprintf("%d,%02d €", cents/100, cents%100) }

// Euro is the amount owed.
func (p Position) Euro() string { return Euro(p.Amount) }

// Euro is the amount paid.
func (r Receipt) Euro() string { return Euro(r.Amount) }

// Euro is the amount given back.
func (r Refund) Euro() string { return Euro(r.Amount) }

// states are the Italian words of a position's state.
var states = map[string]string{Draft: "bozza", Valid: "da pagare", Paid: "pagata", Expired: "scaduta", Invalid: "annullata"}

func (i *Institute) row(p Position) row {
	return row{p, p.key(), states[p.at(i.Clock.Now())], day(p.DueDate)}
}

func day(t time.Time) string {
	if rome, err := time.LoadLocation("Europe/Rome"); err == nil {
		t = t.In(rome)
	}
	return t.Format("02/01/2006")
}

// shown is how many positions the overview lists.
const shown = 200

var confirmations = map[string]string{"inviato": "Avviso inviato.", "rimborsato": "Rimborso accreditato."}

func (i *Institute) showOverview(w http.ResponseWriter, r *http.Request) {
	list := i.Positions()
	rows := []row{}
	for _, p := range list[:min(len(list), shown)] {
		rows = append(rows, i.row(p))
	}
	modes := i.Calls.Modes()
	overviewPage.Write(w, http.StatusOK, page.View{
		Title: "Istituto di pagamento", Section: section, Done: confirmations[r.URL.Query().Get("fatto")],
		Data: map[string]any{"Rows": rows, "Total": len(list), "GPD": modes[GPDService], "Checkout": modes[CheckoutService], "Behaviours": Behaviours()},
	})
}

func (i *Institute) formRelease(w http.ResponseWriter, r *http.Request) {
	if err := i.Release(r.FormValue("position"), r.FormValue("notice")); err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	http.Redirect(w, r, "/istituto?fatto=inviato", http.StatusSeeOther)
}

func (i *Institute) formSettle(w http.ResponseWriter, r *http.Request) {
	if err := i.SettleRefund(r.FormValue("id")); err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	http.Redirect(w, r, "/istituto?fatto=rimborsato", http.StatusSeeOther)
}

func (i *Institute) showNotice(w http.ResponseWriter, _ *http.Request) {
	noticePage.Write(w, http.StatusOK, page.View{Title: "Paga un avviso", Section: section, Data: ""})
}

// formNotice looks a notice up by its number, as at a tobacconist's, and goes to pay it.
func (i *Institute) formNotice(w http.ResponseWriter, r *http.Request) {
	typed := strings.Join(strings.Fields(r.FormValue("number")), "")
	v := page.View{Title: "Paga un avviso", Section: section, Data: typed}
	if err := CheckNumber(typed); err != nil {
		v.Error = "Controlla il numero: " + err.Error() + "."
		noticePage.Write(w, http.StatusBadRequest, v)
		return
	}
	p, found := i.Find("", typed)
	if !found {
		v.Error = "Non c’è nessun avviso con questo numero."
		noticePage.Write(w, http.StatusNotFound, v)
		return
	}
	cart, err := i.keepCart(Cart{Notices: []CartNotice{{
		Number: p.NAV, FiscalCode: p.Organization, Amount: p.Amount, CompanyName: p.CompanyName, Description: p.Description,
	}}})
	if err != nil {
		i.trouble(w, err)
		return
	}
	http.Redirect(w, r, "/istituto/paga/"+cart.ID, http.StatusSeeOther)
}

func (i *Institute) showCart(w http.ResponseWriter, r *http.Request) {
	cart, found := i.carts.Get(r.PathValue("cart"))
	if !found {
		http.NotFound(w, r)
		return
	}
	v := page.View{}
	if r.URL.Query().Get("esito") == "rifiutato" {
		v.Error = "Il pagamento è stato rifiutato."
	}
	i.renderCart(w, http.StatusOK, cart, v)
}

func (i *Institute) renderCart(w http.ResponseWriter, status int, cart Cart, v page.View) {
	rows := []row{}
	total, payable := int64(0), true
	for _, n := range cart.Notices {
		p, found := i.Find(n.FiscalCode, n.Number)
		if !found {
			p = Position{NAV: n.Number, CompanyName: n.CompanyName, Description: n.Description, Amount: n.Amount}
			payable = false
		}
		rows = append(rows, i.row(p))
		total += p.Amount
		payable = payable && p.at(i.Clock.Now()) == Valid
	}
	v.Title, v.Section = "Paga "+Euro(total), section
	v.Data = map[string]any{"Cart": cart, "Rows": rows, "Total": Euro(total), "Payable": payable, "Behaviours": Behaviours()}
	payPage.WriteLeaving(w, status, v)
}

// formPay pays, or does what else the person chose, and sends the browser back to the creditor.
func (i *Institute) formPay(w http.ResponseWriter, r *http.Request) {
	cart, found := i.carts.Get(r.PathValue("cart"))
	if !found {
		http.NotFound(w, r)
		return
	}
	minutes, _ := strconv.Atoi(r.FormValue("minutes")) // what is not a number is no delay
	pay := Payment{Method: Card, Behaviour: r.FormValue("behaviour"), Late: time.Duration(max(0, minutes)) * time.Minute}
	switch action := r.FormValue("action"); action {
	case "account":
		pay.Method = Account
	case Refused, Abandoned:
		pay.Behaviour = action
	}
	if cart.Return.Ok == "" && pay.Method == Card {
		pay.Method = Counter
	}
	for _, n := range cart.Notices {
		p, known := i.Find(n.FiscalCode, n.Number)
		err := ErrUnknown
		if known && p.Amount != n.Amount {
			err = ErrRefused{"L’importo dell’avviso non è quello del carrello."}
		} else if known {
			_, err = i.Pay(p.key(), pay)
		}
		if err != nil && pay.Behaviour != Abandoned {
			i.renderCart(w, refusal(err), cart, page.View{Error: "Non è possibile pagare: " + err.Error()})
			return
		}
	}
	http.Redirect(w, r, cart.after(pay.Behaviour), http.StatusSeeOther)
}

func refusal(err error) int {
	var refused ErrRefused
	if errors.As(err, &refused) || errors.Is(err, ErrUnknown) {
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}

// after is where the browser goes; a cart of nobody stays here.
func (c Cart) after(behaviour string) string {
	here := url.URL{Path: "/istituto/paga/" + c.ID}
	back := c.Return.Ok
	switch behaviour {
	case Refused:
		back = c.Return.Error
		here.RawQuery = "esito=rifiutato"
	case Abandoned:
		back = c.Return.Cancel
	}
	if back == "" {
		return here.String()
	}
	return back
}
