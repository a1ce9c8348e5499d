package signing

import (
	"bytes"
	"errors"
	"maps"
	"reflect"
	"slices"

	"sportello/shared/platform/pdffile"
)

// errChanged is a change after a signature that is more than another signature.
var errChanged = errors.New("PDF changed after a signature")

// unchanged tells whether what was added to a PDF after a signature is only what later signatures need (ISO 32000-1 12.8.2.2, and what
// ETSI EN 319 142-1 adds): further signature fields with their signatures, the security store, document timestamps.
//
// The signed revision is read as a file of its own, cut at the signature's end, and must be whole as such: what it leaves open, or says to
// stand beyond its end, is whatever comes later. Every object that a later revision replaces must be one that such an addition replaces,
// and changed only as it does; a new object may not fill a place that the signed revision already named, or its pages would change without
// being touched; and nothing may be added that no table names.
func unchanged(now *pdffile.File, all []*signed, s *signed) error {
	data := now.Data()
	then, err := now.Until(s.end)
	if err != nil {
		return err
	}
	later := len(now.Sections) - len(then.Sections)
	if later < 0 || !sameSections(now.Sections[later:], then.Sections) {
		return errChanged
	}
	if later == 0 {
		if len(bytes.Trim(data[s.end:], "\r\n\t \x00")) > 0 {
			return errChanged
		}
		return nil
	}
	if err := now.Added(s.end, now.Sections[:later]); err != nil {
		return tooMuchOr(err, errChanged)
	}
	c := changes{now: now, then: then, signatures: map[int]*signed{}}
	final := c.final(s.dict)
	for _, other := range all {
		if other.end <= s.end {
			continue
		}
		if final && !other.isTimestamp() {
			return errChanged
		}
		c.signatures[other.number] = other
	}
	return c.check(now.Sections[:later])
}

// tooMuchOr keeps the one error that says that nobody looked to the end.
func tooMuchOr(err, otherwise error) error {
	if errors.Is(err, pdffile.ErrTooMuch) {
		return err
	}
	return otherwise
}

// final tells whether a signature certifies the document against any change, further signatures included (DocMDP, ISO 32000-1 12.8.2.2.2).
// Timestamps and the store are no changes (ISO 32000-2 12.8.2.2.2).
func (c *changes) final(signature pdffile.Dict) bool {
	v, _ := c.then.Resolve(signature["Reference"])
	list, _ := v.(pdffile.Array)
	for _, one := range list {
		v, _ := c.then.Resolve(one)
		reference, _ := v.(pdffile.Dict)
		v, _ = c.then.Resolve(reference["TransformParams"])
		parameters, _ := v.(pdffile.Dict)
		if reference["TransformMethod"] == pdffile.Name("DocMDP") && parameters.Int("P", 2) == 1 {
			return true
		}
	}
	return false
}

func sameSections(a, b []pdffile.Section) bool {
	return slices.EqualFunc(a, b, func(x, y pdffile.Section) bool { return x.At == y.At })
}

type changes struct {
	now, then  *pdffile.File
	root       pdffile.Dict
	signatures map[int]*signed // later signatures, by the numbers of the objects that hold them
	store      map[int]bool    // numbers of what the signed revision's store is made of
	shown      map[int]bool    // numbers that the signed revision names elsewhere than as its metadata or in its store
	written    bool            // the signed revision has something that may be drawn with the form's own resources
}

func (c *changes) check(sections []pdffile.Section) error {
	root, err := c.then.Root()
	if err != nil {
		return err
	}
	c.root = root
	if !reflect.DeepEqual(c.now.Trailer["Root"], c.then.Trailer["Root"]) || c.now.Trailer["Encrypt"] != nil {
		return errChanged
	}
	replaced, added := map[int]bool{}, map[int]bool{}
	for _, section := range sections {
		if section.Trailer["XRefStm"] != nil {
			return errChanged // two tables, of which older readers see one
		}
		for number, new := range section.Entries {
			e, there := c.then.Entry(number)
			switch {
			case !there || !e.InUse():
				added[number] = true
			case e.Generation != new.Generation:
				return errChanged // who named the other generation was naming nothing
			default:
				replaced[number] = true
			}
		}
	}
	delete(added, 0)
	c.store = map[int]bool{}
	c.collect(root["DSS"], 0)
	if err := c.names(added); err != nil {
		return err
	}
	for number := range replaced {
		if err := c.replaced(number); err != nil {
			return err
		}
	}
	return nil
}

// names goes through what the signed revision names. To name what only came later is a gap left on purpose. To name as its metadata, or
// in its store, what is also shown on a page would let the page be changed under an innocent name.
func (c *changes) names(added map[int]bool) error {
	c.shown = map[int]bool{}
	inStore := map[int][]int{} // what the parts of the store name
	gap := false
	err := c.then.Every(func(number int, e pdffile.Entry, o any, err error) error {
		if err != nil {
			if current, _ := c.then.Entry(number); current == e {
				return errChanged // nobody can say what it was, and another reader may see it end in what came later
			}
			return nil
		}
		c.written = c.written || written(o)
		if o, err = c.shows(number, o); err != nil {
			return err
		}
		references(o, func(n int) {
			gap = gap || added[n]
			if c.store[number] {
				inStore[number] = append(inStore[number], n)
			} else {
				c.shown[n] = true
			}
		})
		return nil
	})
	if err != nil {
		return err
	}
	references(c.root["DSS"], func(n int) { gap = gap || added[n] })
	references(c.root["Metadata"], func(n int) { gap = gap || added[n] })
	if gap {
		return errChanged
	}
	c.spread(inStore)
	return nil
}

// shows is the part of an object by which others come to be shown: a table of cross-references shows nothing, the catalogue's metadata and
// store neither.
func (c *changes) shows(number int, o any) (any, error) {
	switch v := o.(type) {
	case *pdffile.Stream:
		if v.Beyond {
			return nil, errChanged
		}
		if v.Dict["Type"] == pdffile.Name("XRef") {
			return nil, nil
		}
	case pdffile.Dict:
		if c.is(pdffile.Ref{Number: number}, c.then.Trailer["Root"]) {
			v = maps.Clone(v)
			delete(v, "DSS")
			delete(v, "Metadata")
			return v, nil
		}
	}
	return o, nil
}

// spread makes shown what parts of the store name that are shown themselves.
func (c *changes) spread(inStore map[int][]int) {
	for again := true; again; {
		again = false
		for number, named := range inStore {
			if !c.shown[number] {
				continue
			}
			for _, n := range named {
				c.shown[n] = true
			}
			delete(inStore, number)
			again = true
		}
	}
}

// references calls visit with each number that an object names.
func references(o any, visit func(number int)) {
	switch v := o.(type) {
	case pdffile.Ref:
		visit(v.Number)
	case pdffile.Array:
		for _, one := range v {
			references(one, visit)
		}
	case pdffile.Dict:
		for _, one := range v {
			references(one, visit)
		}
	case *pdffile.Stream:
		references(v.Dict, visit)
	}
}

// replaced judges one object that a later revision has anew.
func (c *changes) replaced(number int) error {
	before, err := c.then.Object(number)
	if err != nil {
		return err
	}
	after, err := c.now.Object(number)
	if err != nil {
		return err
	}
	if c.allowed(pdffile.Ref{Number: number}, before, after) {
		return nil
	}
	return errChanged
}

func (c *changes) allowed(id pdffile.Ref, before, after any) bool {
	hidden := !c.shown[id.Number]
	if same(before, after) || hidden && c.is(id, c.then.Trailer["Info"]) && said(before) && said(after) {
		return true
	}
	if x, ok := before.(*pdffile.Stream); ok {
		y, ok := after.(*pdffile.Stream)
		return ok && hidden && c.is(id, c.root["Metadata"]) && x.Dict["Subtype"] == pdffile.Name("XML") && y.Dict["Subtype"] == pdffile.Name("XML")
	}
	if x, ok := before.(pdffile.Array); ok {
		y, ok := after.(pdffile.Array)
		return ok && (c.extended(x, y) || hidden && c.store[id.Number] && storeArray(y))
	}
	x, ok := before.(pdffile.Dict)
	y, ok2 := after.(pdffile.Dict)
	if !ok || !ok2 {
		return false
	}
	switch {
	case c.is(id, c.then.Trailer["Root"]):
		return c.catalog(x, y)
	case c.is(id, c.root["AcroForm"]):
		return c.form(x, y)
	case hidden && c.store[id.Number]:
		return storeDict(x) && storeDict(y)
	case x["Type"] == pdffile.Name("Page"):
		return sameBut(x, y, "Annots") && c.extendedValue(x["Annots"], y["Annots"])
	}
	return c.signedField(id, x, y)
}

// said tells whether a dictionary only says things about the document: texts and names, which are shown nowhere in it.
func said(o any) bool {
	d, ok := o.(pdffile.Dict)
	for _, one := range d {
		switch one.(type) {
		case pdffile.String, pdffile.Name:
		default:
			return false
		}
	}
	return ok
}

func (c *changes) is(id pdffile.Ref, o any) bool {
	r, ok := o.(pdffile.Ref)
	return ok && r.Number == id.Number
}

// catalog may gain the store, and a form where there was none.
func (c *changes) catalog(x, y pdffile.Dict) bool {
	if !sameBut(x, y, "DSS", "AcroForm", "Extensions", "Metadata", "Version") || !c.storeValue(x["DSS"]) || !c.storeValue(y["DSS"]) {
		return false
	}
	if metadata, ok := y["Metadata"]; x["Metadata"] != nil && (!ok || !c.xml(metadata)) {
		return false
	}
	if same(x["AcroForm"], y["AcroForm"]) {
		return true
	}
	before, _ := c.then.Resolve(x["AcroForm"])
	after, _ := c.now.Resolve(y["AcroForm"])
	old, _ := before.(pdffile.Dict)
	form, ok := after.(pdffile.Dict)
	return ok && c.form(old, form)
}

func (c *changes) xml(o any) bool {
	v, err := c.now.Resolve(o)
	s, ok := v.(*pdffile.Stream)
	return err == nil && ok && s.Dict["Subtype"] == pdffile.Name("XML")
}

func (c *changes) storeValue(o any) bool {
	if o == nil {
		return true
	}
	v, err := c.now.Resolve(o)
	d, ok := v.(pdffile.Dict)
	return err == nil && ok && storeDict(d)
}

// form may gain signature fields that are signed, and the font and resources that several programs lay by for fields of text whenever they sign:
// where the signed revision has nothing that is drawn with them, they show nothing.
func (c *changes) form(x, y pdffile.Dict) bool {
	if !sameBut(x, y, "Fields", "SigFlags", "DA", "DR") || !c.extendedValue(x["Fields"], y["Fields"]) {
		return false
	}
	if same(x["DA"], y["DA"]) && same(x["DR"], y["DR"]) {
		return true
	}
	return !c.written && gained(x["DA"], y["DA"], 0) && gained(x["DR"], y["DR"], maxResources)
}

// maxResources is how deep resources are nested: their kinds, the names of one kind.
const maxResources = 2

// gained tells whether resources only grew.
func gained(x, y any, depth int) bool {
	if x == nil || same(x, y) {
		return true
	}
	before, ok1 := x.(pdffile.Dict)
	after, ok2 := y.(pdffile.Dict)
	if !ok1 || !ok2 || depth == 0 {
		return false
	}
	for key, value := range before {
		if !gained(value, after[key], depth-1) {
			return false
		}
	}
	return true
}

// written tells whether something in an object may be drawn with the form's own resources: what is filled into a field or written as a note, and a
// drawing that brings no resources.
func written(o any) bool {
	switch v := o.(type) {
	case pdffile.Array:
		return slices.ContainsFunc(v, written)
	case *pdffile.Stream:
		return v.Dict["BBox"] != nil && v.Dict["Resources"] == nil || written(v.Dict)
	case pdffile.Dict:
		signs := v["FT"] == pdffile.Name("Sig")
		if !signs && (v["FT"] != nil || v["DA"] != nil && v["Subtype"] != nil) {
			return true
		}
		for _, one := range v {
			if written(one) {
				return true
			}
		}
	}
	return false
}

// extendedValue compares two lists that may be elsewhere.
func (c *changes) extendedValue(x, y any) bool {
	before, err1 := c.then.Resolve(x)
	after, err2 := c.now.Resolve(y)
	if err1 != nil || err2 != nil {
		return false
	}
	if before == nil {
		before = pdffile.Array{}
	}
	if after == nil {
		after = pdffile.Array{}
	}
	a, ok1 := before.(pdffile.Array)
	b, ok2 := after.(pdffile.Array)
	return ok1 && ok2 && c.extended(a, b)
}

// extended tells whether a list only gained signature fields that are signed.
func (c *changes) extended(x, y pdffile.Array) bool {
	if len(y) < len(x) || !same(x, y[:len(x)]) {
		return false
	}
	return !slices.ContainsFunc(y[len(x):], func(o any) bool { return !c.newField(o) })
}

func (c *changes) newField(o any) bool {
	ref, ok := o.(pdffile.Ref)
	if !ok {
		return false
	}
	if e, there := c.then.Entry(ref.Number); there && e.InUse() {
		return false
	}
	v, err := c.now.Resolve(ref)
	d, ok := v.(pdffile.Dict)
	return err == nil && ok && c.signed(ref, d)
}

// fieldKeys are what a signature field and its widget are made of: neither a page nor a note can be both.
var fieldKeys = []pdffile.Name{"Type", "Subtype", "FT", "T", "TU", "TM", "V", "Rect", "F", "Ff", "P", "Parent", "Kids", "AP", "AS", "MK", "BS", "Border", "DA", "Q",
	"M", "NM", "Lock", "SV", "StructParent", "Lang", "H"}

// signed tells whether a dictionary is a signature field, or the widget of one, whose signature is among those that are judged here. A
// timestamp, which anybody can have made, must not be seen.
func (c *changes) signed(id pdffile.Ref, d pdffile.Dict) bool {
	s := c.signature(id, d)
	if s == nil || s.isTimestamp() && !unseen(d) {
		return false
	}
	for key := range d {
		if !slices.Contains(fieldKeys, key) {
			return false
		}
	}
	kind, drawn := d["Type"], d["Subtype"]
	return (kind == nil || kind == pdffile.Name("Annot")) && (drawn == pdffile.Name("Widget") || drawn == nil && d["AP"] == nil)
}

// signature is the later one that a field, or the widget of one, is of.
func (c *changes) signature(id pdffile.Ref, d pdffile.Dict) *signed {
	if parent, ok := d["Parent"].(pdffile.Ref); ok && d["FT"] == nil {
		v, err := c.now.Resolve(parent)
		if d, ok = v.(pdffile.Dict); err != nil || !ok || d["Parent"] != nil {
			return nil
		}
		id = parent
	}
	if d["FT"] != pdffile.Name("Sig") {
		return nil
	}
	if value, ok := d["V"].(pdffile.Ref); ok {
		return c.signatures[value.Number]
	}
	if inner(d, "V") == nil {
		return nil
	}
	return c.signatures[id.Number]
}

// unseen tells whether a widget draws nothing, or in no room.
func unseen(d pdffile.Dict) bool {
	room, _ := d["Rect"].(pdffile.Array)
	return d["AP"] == nil || len(room) == 4 && (room[0] == room[2] || room[1] == room[3])
}

// signedField tells whether a signature field that was empty was signed, in its own place.
func (c *changes) signedField(id pdffile.Ref, x, y pdffile.Dict) bool {
	return x["FT"] == pdffile.Name("Sig") && x["V"] == nil && c.signed(id, y) && sameBut(x, y, "V", "AP", "AS", "F", "M", "MK", "DA", "Lock")
}

// sameBut compares two dictionaries but for some keys.
func sameBut(x, y pdffile.Dict, but ...pdffile.Name) bool {
	for _, pair := range [2][2]pdffile.Dict{{x, y}, {y, x}} {
		for key, value := range pair[0] {
			if !slices.Contains(but, key) && !same(value, pair[1][key]) {
				return false
			}
		}
	}
	return true
}

// same compares two objects by what they say, not by where they stand.
func same(x, y any) bool {
	switch a := x.(type) {
	case pdffile.String:
		b, ok := y.(pdffile.String)
		return ok && a.Hex == b.Hex && bytes.Equal(a.Value, b.Value)
	case pdffile.Array:
		b, ok := y.(pdffile.Array)
		return ok && slices.EqualFunc(a, b, same)
	case pdffile.Dict:
		b, ok := y.(pdffile.Dict)
		return ok && len(a) == len(b) && sameBut(a, b)
	case *pdffile.Stream:
		b, ok := y.(*pdffile.Stream)
		return ok && same(a.Dict, b.Dict) && bytes.Equal(a.Raw, b.Raw)
	}
	return x == y
}
