package assembly

import (
	"context"
	"encoding/json"
	"fmt"

	"sportello/shared/domain/catalogue"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/platform/mail"
)

// Account is a chamber's account at its certified mail provider.
type Account struct {
	Address  string `json:"address"`
	User     string `json:"user"`
	Password string `json:"password"`
}

// TrustParameter holds the certificates of the certified mail providers' authorities (PEM).
const TrustParameter = "/pec-trust"

// Accounts reads the account of every chamber. The secrets are read once, at start.
func Accounts(ctx context.Context, p *lambdafn.Process) (map[string]Account, error) {
	var names []string
	for _, c := range catalogue.Chambers() {
		names = append(names, "/pec/"+c.ID)
	}
	parameters, err := p.Parameters(ctx, names...)
	if err != nil {
		return nil, err
	}
	accounts := map[string]Account{}
	for _, c := range catalogue.Chambers() {
		var a Account
		if err := json.Unmarshal([]byte(parameters["/pec/"+c.ID]), &a); err != nil {
			return nil, fmt.Errorf("reading account of %s: no JSON", c.ID) // the value is secret
		}
		accounts[c.ID] = a
	}
	return accounts, nil
}

// Mailboxes opens every chamber's mailbox.
func Mailboxes(accounts map[string]Account, imap string) (map[string]*mail.Mailbox, error) {
	boxes := map[string]*mail.Mailbox{}
	for chamber, a := range accounts {
		box, err := mail.NewMailbox(mail.MailboxConfig{Addr: imap, User: a.User, Password: a.Password})
		if err != nil {
			return nil, fmt.Errorf("mailbox of %s: %w", chamber, err)
		}
		boxes[chamber] = box
	}
	return boxes, nil
}
