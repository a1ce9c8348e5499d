package trust

import (
	"context"
	"sync"
	"time"
)

// Cached returns a source of the list that reads the compact form through load, and keeps it for a while: a process that
// verifies many files reads it once. A list that cannot be read again is not used past its time, and not forgotten before.
func Cached(load func(context.Context) ([]byte, error), now func() time.Time, keep time.Duration) func(context.Context) (*List, error) {
	var mu sync.Mutex
	var list *List
	var read time.Time
	return func(ctx context.Context) (*List, error) {
		mu.Lock()
		defer mu.Unlock()
		if list != nil && now().Sub(read) < keep {
			return list, nil
		}
		data, err := load(ctx)
		if err != nil {
			if list != nil {
				return list, nil // it carries its own end, NextUpdate
			}
			return nil, err
		}
		fresh, err := ParseCompact(data)
		if err != nil {
			return nil, err
		}
		list, read = fresh, now()
		return list, nil
	}
}
