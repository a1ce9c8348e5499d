package outside

import (
	"fmt"
	"slices"

	"sportello/shared/domain/application"
)

// Registers are the company register and the registers of certified addresses.
type Registers struct {
	// CompaniesDown and AddressesDown put one of them out of service.
	CompaniesDown, AddressesDown bool

	represents map[string][]string // person -> companies
	addresses  map[string][]string // tax code -> certified addresses, the one to use first
	asked      map[string]bool     // lookups that were begun
	tickets    int
}

// NewRegisters returns empty registers.
func NewRegisters() *Registers {
	return &Registers{represents: map[string][]string{}, addresses: map[string][]string{}, asked: map[string]bool{}}
}

// Represent notes that a person represents a company, or does so no more.
func (r *Registers) Represent(person, company string, yes bool) {
	list := slices.DeleteFunc(slices.Clone(r.represents[person]), func(c string) bool { return c == company })
	if yes {
		list = append(list, company)
	}
	r.represents[person] = list
}

// Domicile notes a certified address of a person or company, after those it has.
func (r *Registers) Domicile(taxCode, address string) {
	if address != "" {
		r.addresses[taxCode] = append(r.addresses[taxCode], address)
	}
}

// Represents tells whether a person represents a company.
func (r *Registers) Represents(person, company string) (bool, error) {
	if r.CompaniesDown {
		return false, ErrDown
	}
	return slices.Contains(r.represents[person], company), nil
}

// Certified looks up an address that is none of those tried: companies' are found only at the second question, with the ticket of the first.
func (r *Registers) Certified(who application.Party, tried []string, ticket string) (address string, pending bool, next string, err error) {
	if r.AddressesDown {
		return "", false, "", ErrDown
	}
	if who.Kind == application.Company && !r.asked[ticket] {
		r.tickets++
		next = fmt.Sprintf("richiesta-%d", r.tickets)
		r.asked[next] = true
		return "", true, next, nil
	}
	for _, address := range r.addresses[who.TaxCode] {
		if !slices.Contains(tried, address) {
			return address, false, "", nil
		}
	}
	return "", false, "", nil
}
