package audit

import (
	"bytes"
	"encoding/json"
	"strings"

	"sportello/infra/verify/book"
	"sportello/infra/verify/deposit"
	"sportello/infra/verify/finding"
	"sportello/infra/verify/source"
)

// Kinds of documents as the packages' metadata name them.
const (
	mailType    = "Messaggio di posta elettronica certificata"
	receiptType = "Ricevuta di posta elettronica certificata"
	outgoing    = "U"
)

// packages holds every package to its index, to its receipt, and to the register and the mail.
func (a *audit) packages() error {
	for _, d := range a.deposits {
		key := packageKey(d.application)
		if !d.zip {
			return finding.At(key, "", "manca il pacchetto di un rapporto di versamento")
		}
		data, err := a.get(key)
		if err != nil {
			return err
		}
		p, err := a.opened(data)
		if err != nil {
			return finding.In(key, err)
		}
		a.report.Checked.Packages++
		digest := p.digest
		if d.receipt {
			if err := a.receipt(receiptKey(d.application), d.application, p); err != nil {
				return err
			}
		} else {
			a.unreceipted(key, data)
		}
		if p.Application != d.application {
			return finding.At(key, "", "è il pacchetto di un'altra pratica")
		}
		if err := a.contents(p.Package); err != nil {
			return finding.In(key, err)
		}
		a.remembered(d.application, digest)
	}
	return nil
}

// opened is a package that was read, with the digest and the size of the whole.
type opened struct {
	*deposit.Package
	digest string
	size   int
}

func (a *audit) opened(data []byte) (opened, error) {
	return recall(a, "package", func() (opened, error) {
		p, err := deposit.Open(data)
		return opened{p, book.Digest(data), len(data)}, err
	}, data)
}

// unreceipted notes that a package waits for its receipt.
func (a *audit) unreceipted(key string, data []byte) {
	a.report.unreceipted++
	a.leave(key, data, "finché non c'è il rapporto di versamento niente firma l'indice, i metadati e le intestazioni dello zip; i documenti registrati li tiene il protocollo")
}

// receipt holds a provider's receipt to the package that was handed over under an id.
func (a *audit) receipt(key, id string, p opened) error {
	p7m, err := a.get(key)
	if err != nil {
		return err
	}
	r, err := recall(a, "receipt", func() (deposit.Receipt, error) { return deposit.OpenReceipt(p7m, a.Preservation) }, p7m)
	if err == nil {
		err = r.About(id, p.size, p.digest, p.Names)
	}
	if err != nil {
		return finding.In(key, err)
	}
	if len(r.Unsigned) > 0 {
		at := bytes.Index(p7m, r.Unsigned)
		a.leaveRange(key, at, at+len(r.Unsigned), "sono attributi non firmati della firma del conservatore: per loro natura non li tiene nulla")
	}
	a.report.Checked.Receipts++
	return nil
}

// contents holds what is in the package to the register and the archived mail, both ways.
func (a *audit) contents(p *deposit.Package) error {
	for _, f := range p.Files {
		if err := a.stamped(p, f); err != nil {
			return err
		}
		if err := a.mailed(p, f); err != nil {
			return err
		}
	}
	for _, k := range a.cases[p.Application] {
		if err := preservedIn(p, k); err != nil {
			return err
		}
	}
	return nil
}

// stamped: a segnatura in the package is a record of the register, of this case, and about this document.
func (a *audit) stamped(p *deposit.Package, f deposit.File) error {
	if f.Stamp == "" {
		return nil
	}
	k := a.stamps[f.Stamp]
	switch {
	case k == nil:
		return finding.New(f.Path, "ha una segnatura che nel registro non c'è")
	case k.application != p.Application:
		return finding.New(f.Path, "ha la segnatura di un'altra pratica (%s, %s)", k.key, k.label)
	case f.Type == mailType && f.Flow == outgoing:
		return nil // a letter cites the number of what it tells of
	case !contains(k.digests, f.SHA256):
		return finding.New(f.Path, "non ha l'impronta che il registro dà al suo numero (%s, %s)", k.key, k.label)
	}
	return nil
}

// mailed: certified mail in the package is the archived mail.
func (a *audit) mailed(p *deposit.Package, f deposit.File) error {
	switch {
	case f.Type == mailType && f.Flow == outgoing:
		key := "mail/out/" + p.Application + "/" + f.ID + ".eml"
		sent, err := a.get(key)
		if err != nil {
			return err
		}
		if book.Digest(sent) != f.SHA256 {
			return finding.At(key, "", "il messaggio archiviato non è quello del pacchetto della pratica")
		}
		a.confirmed(key)
	case f.Type == receiptType:
		got, there := a.received[f.SHA256]
		if !there {
			return finding.New(f.Path, "la ricevuta non è tra i messaggi ricevuti e archiviati")
		}
		if a.Mail != nil && got.reason != "" {
			return finding.At(got.key, "", "è nel pacchetto di una pratica come ricevuta, ma %s", got.reason)
		}
	}
	return nil
}

// preservedIn: what the register says was presented by the time the case was closed is in its package.
func preservedIn(p *deposit.Package, k *kept) error {
	wanted := k.digests
	if k.kind != book.Application {
		at, ok := book.ParseInstant(k.presentedAt)
		if !ok || at.After(p.Closed) {
			return nil
		}
		wanted = wanted[:1] // later documents bring their files under numbers of their own
	}
	for _, digest := range wanted {
		if !p.Holds(digest) {
			return k.broken("un documento registrato non è nel pacchetto della pratica (%s)", packageKey(p.Application))
		}
	}
	return nil
}

// preserved: what the applications' table calls preserved has its package and its receipt.
func (a *audit) preserved() error {
	if a.Applications == nil {
		return nil
	}
	var first *finding.Broken
	err := a.Applications.Scan(a.ctx, func(row source.Row) error {
		application, is := strings.CutPrefix(row.PK, "APP#")
		if !is || row.SK != "META" {
			return nil
		}
		broken, is := finding.Of(a.preservedCase(application, row.Body))
		if is && (first == nil || broken.Where < first.Where) {
			first = broken
		}
		return nil
	})
	if err == nil && first != nil {
		err = first
	}
	return err
}

func (a *audit) preservedCase(application, body string) error {
	var c struct {
		State   string `json:"state"`
		Package string `json:"package"`
	}
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		return finding.At("tabella pratiche, APP#"+application+"/META", "", "la riga non è leggibile")
	}
	if c.State != "preserved" && c.Package == "" {
		return nil
	}
	digest, there := a.digestOf[application]
	switch {
	case !there:
		return finding.At(packageKey(application), "", "manca il pacchetto di una pratica conservata")
	case digest != c.Package:
		return finding.At(packageKey(application), "", "non è il pacchetto che la tabella delle pratiche dà per conservato")
	}
	for _, d := range a.deposits {
		if d.application == application && !d.receipt {
			return finding.At(receiptKey(application), "", "manca il rapporto di versamento di una pratica conservata")
		}
	}
	return nil
}
