package finding

// Open is a range of bytes that nothing authenticates, and why, in Italian.
type Open struct {
	Where string `json:"where"`
	From  int    `json:"from"`
	To    int    `json:"to"` // the first byte that is not of the range
	Why   string `json:"why"`
}

// Covers tells whether a byte is in one of the ranges.
func Covers(list []Open, where string, at int) bool {
	for _, o := range list {
		if o.Where == where && o.From <= at && at < o.To {
			return true
		}
	}
	return false
}
