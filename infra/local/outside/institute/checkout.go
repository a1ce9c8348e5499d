package institute

import (
	"net/http"
	"net/url"
	"time"

	"sportello/infra/local/outside/bearer"
)

// Cart is what a person was sent here to pay.
type Cart struct {
	ID        string       `json:"id"`
	Notices   []CartNotice `json:"paymentNotices"`
	Return    ReturnURLs   `json:"returnUrls"`
	CreatedAt time.Time    `json:"createdAt"`
}

// CartNotice is one notice of a cart.
type CartNotice struct {
	Number      string `json:"noticeNumber"`
	FiscalCode  string `json:"fiscalCode"`
	Amount      int64  `json:"amount"`
	CompanyName string `json:"companyName"`
	Description string `json:"description"`
}

// ReturnURLs are where the person's browser goes back to. All are empty in a cart that a person
// made by typing a notice number.
type ReturnURLs struct {
	Ok     string `json:"returnOkUrl"`
	Cancel string `json:"returnCancelUrl"`
	Error  string `json:"returnErrorUrl"`
}

func (i *Institute) cartCreate(w http.ResponseWriter, r *http.Request) {
	var asked Cart
	if !readJSON(w, r, &asked) {
		return
	}
	if why := asked.wrong(); why != "" {
		refuse(w, http.StatusBadRequest, why)
		return
	}
	cart, err := i.keepCart(asked)
	if err != nil {
		i.trouble(w, err)
		return
	}
	w.Header().Set("Location", i.Base+"/istituto/paga/"+cart.ID)
	w.WriteHeader(http.StatusFound)
}

// wrong tells what makes a cart formally invalid. Whether its notices can be paid is looked at when
// the person pays, as with the real one.
func (c Cart) wrong() string {
	if len(c.Notices) < 1 || len(c.Notices) > 5 {
		return "paymentNotices: da 1 a 5"
	}
	for _, n := range c.Notices {
		if len(n.Number) != 18 || !organizationCode.MatchString(n.FiscalCode) || n.Amount < 1 || n.CompanyName == "" || n.Description == "" ||
			len(n.CompanyName) > 2*maxText || len(n.Description) > 2*maxText {
			return "paymentNotices: noticeNumber (18 cifre), fiscalCode (11), amount, companyName e description"
		}
	}
	for _, back := range []string{c.Return.Ok, c.Return.Cancel, c.Return.Error} {
		if u, err := url.Parse(back); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return "returnUrls: tre indirizzi assoluti"
		}
	}
	return ""
}

func (i *Institute) keepCart(c Cart) (Cart, error) {
	c.ID, c.CreatedAt = bearer.NewID(), i.Clock.Now()
	return c, i.carts.Put(c.ID, c)
}
