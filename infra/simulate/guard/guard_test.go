package guard_test

import (
	"testing"

	"sportello/infra/simulate/guard"
)

// With one guard taken out, the ordinary workload breaks the invariant that was predicted.
func TestGuards(t *testing.T) {
	for _, g := range guard.All() {
		t.Run(g.Name, func(t *testing.T) {
			t.Parallel()
			seeds := 30
			if testing.Short() {
				if seeds = 1; !g.Quick {
					t.Skip("breaks only after some seeds: run without -short, as make test does")
				}
			}
			e := g.Run(1, seeds, 20)
			if !e.Holds() {
				t.Errorf("nothing broke in %d seeds: %v", e.Seeds, e.Others)
			}
			t.Logf("%d seeds: %v", e.Seeds, e.Broken)
		})
	}
}
