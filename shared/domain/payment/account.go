package payment

// Account is one side of an entry.
type Account string

// The accounts.
const (
	Institute Account = "institute" // money that the institute holds for the chamber, or has taken back
	Fees      Account = "fees"      // what the chamber earned
	Owed      Account = "owed"      // what it must give back
)

// Entry moves money from one account to another: double entry, so that whatever is recorded of a payment sums to nothing.
type Entry struct {
	Receipt       string
	Debit, Credit Account
	Cents         int
}

// Entries are the payment's entries: one for what counts, one for each sum that is owed back, one more when it is back.
func (p Payment) Entries() []Entry {
	var entries []Entry
	if p.Paid != nil {
		entries = append(entries, Entry{p.Paid.Receipt, Institute, Fees, p.Cents})
	}
	for _, r := range p.Refunds {
		entries = append(entries, Entry{r.Receipt, Institute, Owed, r.Cents})
		if r.Settled != nil {
			entries = append(entries, Entry{r.Receipt, Owed, Institute, r.Cents})
		}
	}
	return entries
}

// Balance sums entries by account; debit is positive.
func Balance(entries []Entry) map[Account]int {
	sums := map[Account]int{}
	for _, e := range entries {
		sums[e.Debit] += e.Cents
		sums[e.Credit] -= e.Cents
	}
	return sums
}
