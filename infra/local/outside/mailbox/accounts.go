package mailbox

import (
	"crypto/rand"
	"crypto/subtle"
	"maps"
	"slices"
	"sync"

	"sportello/infra/local/outside/state"
)

// Account is who may use a mailbox.
type Account struct {
	Address  string `json:"address"`
	User     string `json:"user"`
	Password string `json:"password"`
	// Chamber is set on the mailboxes of a chamber's protocol office.
	Chamber string `json:"chamber,omitempty"`
}

// Accounts is the file of the accounts. What it holds when we start is honoured; accounts that are
// missing get a random password.
type Accounts struct {
	file string

	mu     sync.Mutex
	byAddr map[string]Account
}

// OpenAccounts reads the file and adds the accounts wanted that are not there.
func OpenAccounts(file string, wanted []Account) (*Accounts, error) {
	a := &Accounts{file: file, byAddr: map[string]Account{}}
	if _, err := state.ReadJSON(file, &a.byAddr); err != nil {
		return nil, err
	}
	changed := false
	for _, w := range wanted {
		address := Normal(w.Address)
		if _, there := a.byAddr[address]; there {
			continue
		}
		w.Address, w.User, w.Password = address, address, rand.Text()
		a.byAddr[address] = w
		changed = true
	}
	if !changed {
		return a, nil
	}
	return a, state.WriteJSON(file, a.byAddr)
}

// Login returns the address of the mailbox that user and password open.
func (a *Accounts) Login(user, password string) (string, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for address, acc := range a.byAddr {
		if Normal(acc.User) == Normal(user) {
			return address, subtle.ConstantTimeCompare([]byte(acc.Password), []byte(password)) == 1
		}
	}
	return "", false
}

// Find returns the account of an address.
func (a *Accounts) Find(address string) (Account, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	acc, ok := a.byAddr[Normal(address)]
	return acc, ok
}

// Addresses lists the addresses that have an account.
func (a *Accounts) Addresses() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.byAddr))
}
