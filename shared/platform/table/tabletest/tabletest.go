// Package tabletest is the suite that every table.Table must pass: memory and DynamoDB are one contract.
package tabletest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/shared/domain/layout"
	"sportello/shared/platform/table"
)

// Run runs the suite; open returns a table that is the test's own, empty.
func Run(t *testing.T, open func(t *testing.T) table.Table) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, tt table.Table)
	}{
		{"PutAndGet", putAndGet},
		{"GetKeepsOrder", getKeepsOrder},
		{"GetMany", getMany},
		{"Conditions", conditions},
		{"ConflictNamesChanges", conflictNamesChanges},
		{"AllOrNothing", allOrNothing},
		{"Invalid", invalid},
		{"QueryRanges", queryRanges},
		{"QueryPages", queryPages},
		{"QueryIndex", queryIndex},
		{"IndexPages", indexPages},
		{"Counter", counter},
		{"OneWinner", oneWinner},
		{"LargeCommit", largeCommit},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func key(pk, sk string) table.Key { return table.Key{PK: pk, SK: sk} }

func item(pk, sk, body string) table.Item {
	return table.Item{Key: key(pk, sk), Schema: 1, Body: []byte(body)}
}

func commit(t *testing.T, tt table.Table, changes ...table.Change) {
	t.Helper()
	if err := tt.Commit(context.Background(), changes...); err != nil {
		t.Fatalf("committing: %v", err)
	}
}

func get(t *testing.T, tt table.Table, k table.Key) table.Item {
	t.Helper()
	items, err := tt.Get(context.Background(), k)
	if err != nil {
		t.Fatalf("getting: %v", err)
	}
	return items[0]
}

func wantConflict(t *testing.T, err error, failed ...int) {
	t.Helper()
	var conflict *table.Conflict
	if !errors.As(err, &conflict) || !errors.Is(err, table.ErrConflict) {
		t.Fatalf("got %v, want a conflict", err)
	}
	if diff := cmp.Diff(failed, conflict.Failed); diff != "" {
		t.Errorf("failed changes (-want +got):\n%s", diff)
	}
}

// An item comes back as it was put, byte for byte, one version up.
func putAndGet(t *testing.T, tt table.Table) {
	in := item("APP#1", "META", `{"à": "<&>  ", "n": 1.0}`)
	in.Schema = 3
	in.Expires = time.Unix(1_900_000_000, 0).UTC()
	in = in.Indexed(layout.ByDue, key("milano#OPEN", "5")).Indexed(layout.Timers, key("W#1", "7"))
	if got := get(t, tt, in.Key); got.Exists() || got.Key != in.Key || got.Body != nil {
		t.Errorf("absent item is %+v", got)
	}
	commit(t, tt, table.Put(in))
	want := in
	want.Version = 1
	if diff := cmp.Diff(want, get(t, tt, in.Key)); diff != "" {
		t.Errorf("item (-put +got):\n%s", diff)
	}
	bare := table.Item{Key: in.Key, Version: 1, Schema: 1, Body: []byte(`{}`)}
	commit(t, tt, table.Put(bare))
	bare.Version = 2
	if diff := cmp.Diff(bare, get(t, tt, in.Key)); diff != "" {
		t.Errorf("a put replaces the whole item (-put +got):\n%s", diff)
	}
}

func getKeepsOrder(t *testing.T, tt table.Table) {
	commit(t, tt, table.Put(item("A", "1", `"a1"`)), table.Put(item("B", "1", `"b1"`)))
	keys := []table.Key{key("B", "1"), key("A", "0"), key("A", "1"), key("B", "1")}
	items, err := tt.Get(context.Background(), keys...)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for n, it := range items {
		if it.Key != keys[n] {
			t.Errorf("item %d is %v, want %v", n, it.Key, keys[n])
		}
		got = append(got, string(it.Body))
	}
	if diff := cmp.Diff([]string{`"b1"`, "", `"a1"`, `"b1"`}, got); diff != "" {
		t.Errorf("bodies (-want +got):\n%s", diff)
	}
}

func getMany(t *testing.T, tt table.Table) {
	var changes []table.Change
	var keys []table.Key
	for n := range table.MaxChanges {
		it := item("P", fmt.Sprintf("%03d", n), fmt.Sprintf(`{"n":%d}`, n))
		changes, keys = append(changes, table.Put(it)), append(keys, it.Key)
	}
	commit(t, tt, changes...)
	items, err := tt.Get(context.Background(), keys...)
	if err != nil {
		t.Fatal(err)
	}
	for n, it := range items {
		if want := fmt.Sprintf(`{"n":%d}`, n); string(it.Body) != want {
			t.Errorf("item %d is %s", n, it.Body)
		}
	}
	if _, err := tt.Get(context.Background(), append(keys, key("P", "x"))...); !errors.Is(err, table.ErrInvalid) {
		t.Errorf("too many keys: %v", err)
	}
	if _, err := tt.Get(context.Background()); !errors.Is(err, table.ErrInvalid) {
		t.Errorf("no keys: %v", err)
	}
}

// Each change holds only at the version that was read.
func conditions(t *testing.T, tt table.Table) {
	ctx := context.Background()
	fresh := item("A", "1", `1`)
	commit(t, tt, table.Put(fresh))
	wantConflict(t, tt.Commit(ctx, table.Put(fresh)), 0)

	read := get(t, tt, fresh.Key)
	stale := read
	stale.Version = 7
	wantConflict(t, tt.Commit(ctx, table.Put(stale)), 0)
	wantConflict(t, tt.Commit(ctx, table.Delete(stale)), 0)
	wantConflict(t, tt.Commit(ctx, table.Check(stale)), 0)
	wantConflict(t, tt.Commit(ctx, table.Check(fresh)), 0)
	commit(t, tt, table.Check(read))
	commit(t, tt, table.Check(item("A", "absent", "")))
	commit(t, tt, table.Put(read))
	if got := get(t, tt, fresh.Key); got.Version != 2 {
		t.Errorf("version %d after two puts", got.Version)
	}
	commit(t, tt, table.Delete(get(t, tt, fresh.Key)))
	if get(t, tt, fresh.Key).Exists() {
		t.Error("deleted item is there")
	}
	wantConflict(t, tt.Commit(ctx, table.Delete(read)), 0)
	commit(t, tt, table.Put(fresh))
	if got := get(t, tt, fresh.Key); got.Version != 1 {
		t.Errorf("version %d after delete and put", got.Version)
	}
}

func conflictNamesChanges(t *testing.T, tt table.Table) {
	commit(t, tt, table.Put(item("A", "1", `1`)), table.Put(item("A", "2", `2`)))
	one := get(t, tt, key("A", "1"))
	err := tt.Commit(context.Background(),
		table.Put(one),
		table.Put(item("A", "2", `"again"`)),
		table.Check(item("A", "3", "")),
		table.Delete(table.Item{Key: key("A", "4"), Version: 1}),
	)
	wantConflict(t, err, 1, 3)
	if got := get(t, tt, one.Key); got.Version != 1 {
		t.Error("a refused commit wrote")
	}
}

func allOrNothing(t *testing.T, tt table.Table) {
	commit(t, tt, table.Put(item("A", "keep", `1`)), table.Put(item("A", "drop", `1`)))
	keep, drop := get(t, tt, key("A", "keep")), get(t, tt, key("A", "drop"))
	commit(t, tt, table.Check(keep), table.Delete(drop), table.Put(item("B", "new", `1`)))
	if get(t, tt, drop.Key).Exists() || !get(t, tt, key("B", "new")).Exists() {
		t.Error("not all was written")
	}
	if got := get(t, tt, keep.Key); got.Version != 1 {
		t.Error("a check raised the version")
	}
	err := tt.Commit(context.Background(), table.Put(item("B", "newer", `1`)), table.Check(drop))
	wantConflict(t, err, 1)
	if get(t, tt, key("B", "newer")).Exists() {
		t.Error("something was written")
	}
}

func invalid(t *testing.T, tt table.Table) {
	ctx := context.Background()
	for name, changes := range map[string][]table.Change{
		"none":            {},
		"no key":          {table.Put(item("A", "", `1`))},
		"no body":         {table.Put(item("A", "1", ""))},
		"same key twice":  {table.Put(item("A", "1", `1`)), table.Check(item("A", "1", ""))},
		"delete not read": {table.Delete(item("A", "1", ""))},
		"too large":       {table.Put(item("A", "1", `"`+strings.Repeat("x", table.MaxItem)+`"`)), table.Put(item("A", "2", `1`))},
	} {
		if err := tt.Commit(ctx, changes...); !errors.Is(err, table.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	commit(t, tt, table.Put(item("A", "large", `"`+strings.Repeat("x", table.MaxItem-len(`Alarge""`))+`"`)))
	if _, err := tt.Query(ctx, table.Query{}); !errors.Is(err, table.ErrInvalid) {
		t.Errorf("query without partition: %v", err)
	}
}

func queryRanges(t *testing.T, tt table.Table) {
	for _, sk := range []string{"a", "b1", "b2", "b3", "c"} {
		commit(t, tt, table.Put(item("P", sk, `1`)))
	}
	commit(t, tt, table.Put(item("Q", "b9", `1`)))
	for _, c := range []struct {
		name string
		q    table.Query
		want []string
	}{
		{"all", table.Query{PK: "P"}, []string{"a", "b1", "b2", "b3", "c"}},
		{"descending", table.Query{PK: "P", Descending: true}, []string{"c", "b3", "b2", "b1", "a"}},
		{"prefix", table.Query{PK: "P", Prefix: "b"}, []string{"b1", "b2", "b3"}},
		{"from", table.Query{PK: "P", From: "b2"}, []string{"b2", "b3", "c"}},
		{"to", table.Query{PK: "P", To: "b2"}, []string{"a", "b1", "b2"}},
		{"from and to", table.Query{PK: "P", From: "b1", To: "b2"}, []string{"b1", "b2"}},
		{"limit", table.Query{PK: "P", From: "b", Limit: 2}, []string{"b1", "b2"}},
		{"nothing", table.Query{PK: "nobody"}, nil},
	} {
		page, err := tt.Query(context.Background(), c.q)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if diff := cmp.Diff(c.want, sortKeys(page.Items)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func sortKeys(items []table.Item) []string {
	var keys []string
	for _, it := range items {
		keys = append(keys, it.SK)
	}
	return keys
}

// Pages together are the whole, and the last one says that it is the last.
func queryPages(t *testing.T, tt table.Table) {
	var want []string
	for n := range 7 {
		it := item("P", fmt.Sprint(n), `1`)
		commit(t, tt, table.Put(it))
		want = append(want, it.SK)
	}
	for _, limit := range []int{1, 2, 3, 7, 8} {
		q, pages := table.Query{PK: "P", Limit: limit}, 0
		var got []string
		for {
			page, err := tt.Query(context.Background(), q)
			if err != nil {
				t.Fatal(err)
			}
			pages++
			got = append(got, sortKeys(page.Items)...)
			if page.Next == nil {
				break
			}
			q.After = page.Next
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
		if most := (len(want) + limit - 1) / limit; pages != most {
			t.Errorf("limit %d: %d pages, want %d", limit, pages, most)
		}
	}
}

// eventually waits for an index, which may lag.
func eventually(t *testing.T, tt table.Table, q table.Query, want []string) {
	t.Helper()
	var diff string
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		items, err := table.All(context.Background(), tt, q)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, it := range items {
			got = append(got, it.PK)
		}
		if diff = cmp.Diff(want, got); diff == "" {
			return
		}
	}
	t.Errorf("index %s (-want +got):\n%s", q.Index, diff)
}

// An item stands in the indexes it names, at its last place, with all it has.
func queryIndex(t *testing.T, tt table.Table) {
	for _, index := range []table.Index{layout.ByState, layout.ByOfficer, layout.ByDue, layout.Timers} {
		pk := "X#" + string(index)
		place := func(it table.Item, sk string) table.Item { return it.Indexed(index, key(pk, sk)) }
		one, two := item("1"+pk, "META", `1`), item("2"+pk, "META", `2`)
		commit(t, tt, table.Put(place(one, "b")), table.Put(place(two, "a")), table.Put(item("3"+pk, "META", `3`)))
		eventually(t, tt, table.Query{Index: index, PK: pk}, []string{"2" + pk, "1" + pk})
		eventually(t, tt, table.Query{Index: index, PK: pk, Descending: true}, []string{"1" + pk, "2" + pk})
		eventually(t, tt, table.Query{Index: index, PK: pk, To: "a"}, []string{"2" + pk})

		moved := item("2"+pk, "META", `22`)
		moved.Version = 1
		commit(t, tt, table.Put(place(moved, "c")))
		eventually(t, tt, table.Query{Index: index, PK: pk}, []string{"1" + pk, "2" + pk})
		gone := item("1"+pk, "META", `11`)
		gone.Version = 1
		commit(t, tt, table.Put(gone))
		eventually(t, tt, table.Query{Index: index, PK: pk}, []string{"2" + pk})

		page, err := tt.Query(context.Background(), table.Query{Index: index, PK: pk})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]table.Item{get(t, tt, moved.Key)}, page.Items); diff != "" {
			t.Errorf("%s shows another item (-table +index):\n%s", index, diff)
		}
	}
}

func indexPages(t *testing.T, tt table.Table) {
	var want []string
	for n := range 5 {
		it := item(fmt.Sprintf("APP#%d", n), "META", `1`).Indexed(layout.ByDue, key("milano#OPEN", fmt.Sprint(n)))
		commit(t, tt, table.Put(it))
		want = append(want, it.PK)
	}
	for _, limit := range []int{1, 2, 5} {
		eventually(t, tt, table.Query{Index: layout.ByDue, PK: "milano#OPEN", Limit: limit}, want)
	}
}

// Many writers of one item lose no update.
func counter(t *testing.T, tt table.Table) {
	const writers, each = 4, 10
	head := key("C", "HEAD")
	add := func() error {
		for {
			items, err := tt.Get(context.Background(), head)
			if err != nil {
				return err
			}
			next := items[0]
			next.Body = fmt.Appendf(nil, "%d", next.Version+1)
			err = tt.Commit(context.Background(), table.Put(next), table.Put(item("C", fmt.Sprintf("%04d", next.Version+1), `1`)))
			if !errors.Is(err, table.ErrConflict) {
				return err
			}
		}
	}
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				if err := add(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := get(t, tt, head); got.Version != writers*each || string(got.Body) != fmt.Sprint(writers*each) {
		t.Errorf("head is at %d with %s, want %d", got.Version, got.Body, writers*each)
	}
	entries, err := table.All(context.Background(), tt, table.Query{PK: "C", From: "0", To: "9"})
	if err != nil || len(entries) != writers*each {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

// Of many who put the same absent item, one does.
func oneWinner(t *testing.T, tt table.Table) {
	var winners atomic.Int32
	var wg sync.WaitGroup
	for n := range 8 {
		wg.Go(func() {
			err := tt.Commit(context.Background(), table.Put(item("L", "LEASE", fmt.Sprint(n))))
			switch {
			case err == nil:
				winners.Add(1)
			case !errors.Is(err, table.ErrConflict):
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if winners.Load() != 1 {
		t.Errorf("%d winners", winners.Load())
	}
}

func largeCommit(t *testing.T, tt table.Table) {
	var changes []table.Change
	for n := range table.MaxChanges {
		changes = append(changes, table.Put(item("P", fmt.Sprintf("%03d", n), `1`)))
	}
	commit(t, tt, changes...)
	items, err := table.All(context.Background(), tt, table.Query{PK: "P"})
	if err != nil || len(items) != table.MaxChanges {
		t.Errorf("%d items, %v", len(items), err)
	}
	over := append(changes, table.Put(item("Q", "1", `1`)))
	if err := tt.Commit(context.Background(), over...); !errors.Is(err, table.ErrInvalid) {
		t.Errorf("too many changes: %v", err)
	}
}
