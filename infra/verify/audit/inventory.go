package audit

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"sportello/infra/verify/finding"
	"sportello/infra/verify/source"
)

// inventory is what the archive holds, by what its keys say.
type inventory struct {
	blocks       map[string][]block // by book, in the order of first
	sealed       []sealKey          // by chamber and day
	mailSent     []mailKey
	mailGot      []mailKey
	notices      []noticeKey // of payment
	deposits     []deposited // by application
	declarations []madeDay   // by chamber and day
	strange      []source.Object
}

type block struct {
	key   string
	first uint64
}

type sealKey struct{ key, chamber, day string }

// mailKey is a message: of what case and which (sent), or of what mailbox and by what digest (received).
type mailKey struct{ key, owner, name string }

// deposited is a case of which the archive has a package, its receipt, or both.
type deposited struct {
	application  string
	zip, receipt bool
}

var (
	blockShape = regexp.MustCompile(`^register/([a-z0-9][a-z0-9-]{0,63})/([0-9]{4})/blocks/([0-9]{10,})\.jsonl$`)
	sealShape  = regexp.MustCompile(`^register/([a-z0-9][a-z0-9-]{0,63})/seals/([0-9]{4}-[0-9]{2}-[0-9]{2})\.json$`)
	sentShape  = regexp.MustCompile(`^mail/out/([A-Za-z0-9-]{1,64})/([A-Za-z0-9_.-]+)\.eml$`)
	gotShape   = regexp.MustCompile(`^mail/in/([^/\s]+@[^/\s]+)/([0-9a-f]{64})\.eml$`)
	dayShape   = regexp.MustCompile(`^days/([a-z0-9][a-z0-9-]{0,63})/([0-9]{4}-[0-9]{2}-[0-9]{2})/(leaves\.json|statement\.(?:json|p7s|tst)|package\.zip|receipt\.p7m)$`)
	payShape   = regexp.MustCompile(`^payments/([0-9]{17})/([0-9a-f]{64})\.(jws|json)$`)
	packShape  = regexp.MustCompile(`^packages/([^/\s]+)/(package\.zip|receipt\.p7m)$`)
)

// blockKey is where a book's block that begins with a record is archived.
func blockKey(chamber string, year int, first uint64) string {
	return fmt.Sprintf("register/%s/%04d/blocks/%010d.jsonl", chamber, year, first)
}

func sealKeyOf(chamber, day string) string { return "register/" + chamber + "/seals/" + day + ".json" }

func packageKey(application string) string { return "packages/" + application + "/package.zip" }
func receiptKey(application string) string { return "packages/" + application + "/receipt.p7m" }

// sortOut reads the keys. What a delete marker hides is not there; it is among the strange.
func sortOut(objects []source.Object) inventory {
	i := inventory{blocks: map[string][]block{}}
	for _, o := range objects {
		known := !o.Deleted && i.known(o.Key)
		if !known || o.Versions > 1 {
			i.strange = append(i.strange, o)
		}
	}
	for _, blocks := range i.blocks {
		slices.SortFunc(blocks, func(a, b block) int { return cmp.Compare(a.first, b.first) })
	}
	slices.SortFunc(i.declarations, func(a, b madeDay) int { return cmp.Or(cmp.Compare(a.chamber, b.chamber), cmp.Compare(a.day, b.day)) })
	slices.SortFunc(i.sealed, func(a, b sealKey) int { return cmp.Or(cmp.Compare(a.chamber, b.chamber), cmp.Compare(a.day, b.day)) })
	return i
}

func (i *inventory) known(key string) bool {
	if m := blockShape.FindStringSubmatch(key); m != nil {
		first, err := strconv.ParseUint(m[3], 10, 64)
		year, _ := strconv.Atoi(m[2])
		if err != nil || first == 0 || blockKey(m[1], year, first) != key {
			return false
		}
		book := m[1] + "#" + m[2]
		i.blocks[book] = append(i.blocks[book], block{key, first})
		return true
	}
	if m := sealShape.FindStringSubmatch(key); m != nil {
		i.sealed = append(i.sealed, sealKey{key, m[1], m[2]})
		return true
	}
	if m := sentShape.FindStringSubmatch(key); m != nil {
		i.mailSent = append(i.mailSent, mailKey{key, m[1], m[2]})
		return true
	}
	if m := gotShape.FindStringSubmatch(key); m != nil {
		i.mailGot = append(i.mailGot, mailKey{key, m[1], m[2]})
		return true
	}
	if m := dayShape.FindStringSubmatch(key); m != nil {
		i.made(m[1], m[2], m[3])
		return true
	}
	if m := payShape.FindStringSubmatch(key); m != nil {
		i.notices = append(i.notices, noticeKey{key, m[1], m[2], m[3]})
		return true
	}
	if m := packShape.FindStringSubmatch(key); m != nil {
		i.pack(m[1], m[2] == "package.zip")
		return true
	}
	return false
}

// pack notes a package or its receipt; both come one after the other, in the order of the keys.
func (i *inventory) pack(application string, zip bool) {
	if n := len(i.deposits); n == 0 || i.deposits[n-1].application != application {
		i.deposits = append(i.deposits, deposited{application: application})
	}
	last := &i.deposits[len(i.deposits)-1]
	last.zip, last.receipt = last.zip || zip, last.receipt || !zip
}

// strangers: the archive holds nothing else, and of everything one version.
func (a *audit) strangers() error {
	if len(a.strange) == 0 {
		return nil
	}
	switch o := a.strange[0]; {
	case o.Deleted:
		return finding.At(o.Key, "", "l'oggetto è stato cancellato: l'archivio si scrive una volta sola")
	case o.Versions > 1:
		return finding.At(o.Key, "", "l'oggetto è stato riscritto: l'archivio si scrive una volta sola")
	default:
		return finding.At(o.Key, "", "l'oggetto non è tra quelli che l'archivio tiene")
	}
}
