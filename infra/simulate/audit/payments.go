package audit

import (
	"strings"

	"sportello/infra/simulate/store"
	"sportello/shared/domain/application"
	"sportello/shared/domain/layout"
	money "sportello/shared/domain/payment"
	"sportello/shared/platform/table"
)

// paid looks at a row of a payment: what was recorded of money stays recorded, and one settlement counts.
func (a *Auditor) paid(key table.Key, c store.Applied) {
	if !c.After.Exists() {
		a.Report(Once, "%s %s is gone", key.PK, key.SK)
		return
	}
	if strings.HasPrefix(key.SK, "N#") {
		if c.Before.Exists() {
			a.Report(Once, "the notice %s of %s was changed", key.SK, key.PK)
		}
		return
	}
	before, after := parse[money.Payment](c.Before), parse[money.Payment](c.After)
	switch {
	case before.Paid != nil && (after.Paid == nil || *after.Paid != *before.Paid):
		a.Report(Once, "payment %s counts another receipt than before", after.IUV)
	case len(after.Refunds) < len(before.Refunds):
		a.Report(Once, "payment %s forgets what is owed back", after.IUV)
	case after.Application == "" && a.forgotten(before.Application):
	case before.Application != after.Application && c.Before.Exists():
		a.Report(Once, "payment %s is for another case than before", after.IUV)
	}
}

// money compares the institute's till with our books, when the world has come to rest: every receipt counts once, or went back, once.
func (a *Auditor) money() {
	payments := map[string]money.Payment{}
	for _, item := range rows(a.Applications, layout.PaymentPrefix) {
		if item.SK == "META" {
			p := parse[money.Payment](item)
			payments[p.IUV] = p
			a.bought(p)
		}
	}
	till, seen := map[string]int{}, map[string]bool{}
	for _, n := range a.Money() {
		seen[n.IUV+" "+n.Receipt] = true
		till[n.IUV] += n.Cents
		p, known := payments[n.IUV]
		if !known {
			a.Report(Once, "money came under %s and nobody has recorded it", n.IUV)
			continue
		}
		counts := p.Paid != nil && p.Paid.Receipt == n.Receipt
		back := 0
		for _, r := range p.Refunds {
			if r.Receipt == n.Receipt {
				back++
				if r.Settled == nil || !a.GivenBack(n.IUV, n.Receipt) {
					a.Report(Safe, "receipt %s of %s is owed back and nothing follows", n.Receipt, n.IUV)
				}
			}
		}
		if counts && back > 0 || !counts && back != 1 {
			a.Report(Once, "receipt %s of %s counts: %v, and went back %d times", n.Receipt, n.IUV, counts, back)
		}
		if counts && (n.Cents != p.Cents || n.Organization != p.Organization) {
			a.Report(Once, "payment %s counts a receipt of %d cents, %d are owed", n.IUV, n.Cents, p.Cents)
		}
	}
	for iuv, p := range payments {
		if p.Paid != nil && !seen[iuv+" "+p.Paid.Receipt] {
			a.Report(Once, "payment %s counts a receipt that the institute never gave", iuv)
		}
		balance := money.Balance(p.Entries())
		if kept := till[iuv] + balance[money.Fees] + balance[money.Owed]; balance[money.Owed] == 0 && balance[money.Institute] != -balance[money.Fees] || kept < 0 {
			a.Report(Once, "the books of %s do not sum: %v against %d taken", iuv, balance, till[iuv])
		}
	}
}

// bought holds a payment to its case: paid for and on its way, or neither.
func (a *Auditor) bought(p money.Payment) {
	s, ok := a.cases[p.Application]
	switch {
	case p.Application == "":
	case !ok:
		a.Report(Safe, "payment %s is for case %s, which was not presented", p.IUV, p.Application)
	case s.state == application.AwaitingPayment:
		a.Report(Safe, "case %s still waits for its payment", p.Application)
	case p.Paid != nil && s.protocol == nil && !a.open.cases[p.Application]:
		a.Report(Safe, "case %s was paid for and has no number", p.Application)
	case p.Paid == nil && s.protocol != nil:
		a.Report(Safe, "case %s has a number and was not paid for", p.Application)
	case p.Paid == nil && s.state != application.Expired && s.state != application.Withdrawn:
		a.Report(Safe, "case %s is %s and was not paid for", p.Application, s.state)
	}
}
