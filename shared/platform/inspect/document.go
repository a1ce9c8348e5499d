package inspect

import (
	"bytes"
	"errors"
	"slices"

	"sportello/shared/platform/pdffile"
)

// document looks for active content in a PDF: in everything that looks like an object, and in everything that the cross-references name,
// since what one reader skips another repairs.
func document(data []byte) *Finding {
	var found *Finding
	stop := errors.New("found")
	each := func(o any) error {
		if raw, odd := o.([]byte); odd {
			found = mentions(raw)
		} else if found == nil {
			found = acts(o, 0)
		}
		if found != nil {
			return stop
		}
		return nil
	}
	f := pdffile.New(data)
	objects := 0
	err := f.Scan(func(o any) error {
		objects++
		if s, ok := o.(*pdffile.Stream); ok {
			if err := f.Measure(s); err != nil {
				return err
			}
		}
		return each(o)
	})
	if found != nil {
		return found
	}
	if err == nil {
		err = referenced(data, each)
	}
	switch {
	case found != nil:
		return found
	case errors.Is(err, pdffile.ErrUnpacked):
		return refused(Bomb)
	case errors.Is(err, pdffile.ErrTooMuch):
		return refused(TooComplicated)
	case err != nil || objects == 0:
		return refused(Damaged)
	}
	return nil
}

// referenced goes through what the cross-references name. A file that has none to follow was scanned all the same.
func referenced(data []byte, each func(any) error) error {
	f, err := pdffile.Open(data)
	if err != nil {
		if errors.Is(err, pdffile.ErrTooMuch) {
			return err
		}
		if bytes.Contains(data, []byte("/Encrypt")) {
			return each(pdffile.Dict{"Encrypt": true})
		}
		return nil
	}
	for _, s := range f.Sections {
		if s.Trailer["Encrypt"] != nil {
			return each(s.Trailer)
		}
	}
	return f.All(func(_ int, o any) error {
		if err := each(o); err != nil {
			return err
		}
		if err := elsewhere(f, o, each); err != nil {
			return err
		}
		return automatic(f, o, each)
	})
}

// elsewhere looks again at a dictionary that names its kind by reference, as no program does that has nothing to hide.
func elsewhere(f *pdffile.File, o any, each func(any) error) error {
	d, ok := o.(pdffile.Dict)
	if s, packed := o.(*pdffile.Stream); packed {
		d, ok = s.Dict, true
	}
	if !ok {
		return nil
	}
	kinds := pdffile.Dict{}
	for _, key := range []pdffile.Name{"S", "Type", "Subtype"} {
		if ref, named := d[key].(pdffile.Ref); named {
			if v, err := f.Resolve(ref); err == nil {
				kinds[key] = v
			}
		}
	}
	if len(kinds) > 0 {
		return each(kinds)
	}
	for _, one := range d {
		if err := elsewhere(f, one, each); err != nil {
			return err
		}
	}
	return nil
}

// mentions looks for the names of what acts in bytes that cannot be read as what they should be: a dictionary with a key twice is malformed here and
// an action to a reader that is less strict. Short names, which any bytes may spell, are left out.
func mentions(raw []byte) (found *Finding) {
	stop := errors.New("found")
	_ = pdffile.Names(raw, func(n pdffile.Name) error {
		switch n {
		case "JavaScript":
			found = refused(JavaScript)
		case "Launch", "ImportData":
			found = refused(Launch)
		case "EmbeddedFile", "FileAttachment":
			found = refused(EmbeddedFile)
		case "RichMedia", "RichMediaExecute", "Rendition": // not Screen: a way of mixing colours has that name, and a screen plays renditions
			found = refused(RichMedia)
		default:
			return nil
		}
		return stop
	})
	return found
}

// automatic follows what a dictionary does by itself when it is opened, where that stands elsewhere.
func automatic(f *pdffile.File, o any, each func(any) error) error {
	d, ok := o.(pdffile.Dict)
	if !ok {
		return nil
	}
	for _, key := range []pdffile.Name{"OpenAction", "AA"} {
		action, err := f.Resolve(d[key])
		if err != nil {
			continue
		}
		all := []any{action}
		if events, ok := action.(pdffile.Dict); ok && key == "AA" {
			for _, one := range events {
				if one, err = f.Resolve(one); err == nil {
					all = append(all, one)
				}
			}
		}
		for _, one := range all {
			if err := each(pdffile.Dict{"OpenAction": one}); err != nil {
				return err
			}
		}
	}
	return nil
}

// maxDepth is deeper than any dictionary that means something.
const maxDepth = 64

// acts looks for what makes a PDF act (ISO 32000-1 12.6, 7.11.4, 12.7.8, 13). The trees of names in the catalogue are not asked: many
// programs write them empty, and what they name is an object with a mark of its own.
func acts(o any, depth int) *Finding {
	if depth > maxDepth {
		return refused(TooComplicated)
	}
	switch v := o.(type) {
	case *pdffile.Stream:
		if v.Dict["F"] != nil || v.Dict["Ref"] != nil {
			return refused(Launch) // what it shows stands in another file, which may change
		}
		return acts(v.Dict, depth)
	case pdffile.Array:
		for _, one := range v {
			if f := acts(one, depth+1); f != nil {
				return f
			}
		}
	case pdffile.Dict:
		if f := actsItself(v); f != nil {
			return f
		}
		for _, one := range v {
			if f := acts(one, depth+1); f != nil {
				return f
			}
		}
	}
	return nil
}

func actsItself(d pdffile.Dict) *Finding {
	action, _ := d["S"].(pdffile.Name)
	switch action {
	case "JavaScript":
		return refused(JavaScript)
	case "Launch", "GoToE", "ImportData":
		return refused(Launch)
	case "Rendition", "Sound", "Movie", "RichMediaExecute":
		return refused(RichMedia)
	}
	kind, _ := d["Type"].(pdffile.Name)
	subtype, _ := d["Subtype"].(pdffile.Name)
	switch {
	case d["JS"] != nil:
		return refused(JavaScript)
	case d["XFA"] != nil:
		return refused(XFA)
	case d["EF"] != nil || kind == "EmbeddedFile" || subtype == "FileAttachment":
		return refused(EmbeddedFile)
	case subtype == "RichMedia" || subtype == "Screen" || subtype == "Movie" || subtype == "Sound" || subtype == "3D":
		return refused(RichMedia)
	case d["Encrypt"] != nil:
		return refused(Locked)
	case opensAddress(d["OpenAction"]) || opensAddress(d["AA"]):
		return refused(OpenAction)
	}
	return nil
}

// opensAddress looks for an action that goes to the internet by itself. One that is written elsewhere is found as an object of its own if
// it does worse; a link that somebody has to click is no harm.
func opensAddress(o any) bool {
	switch v := o.(type) {
	case pdffile.Array:
		return slices.ContainsFunc(v, opensAddress)
	case pdffile.Dict:
		if kind, _ := v["S"].(pdffile.Name); kind == "URI" || kind == "SubmitForm" || kind == "GoToR" {
			return true
		}
		for _, one := range v {
			if opensAddress(one) {
				return true
			}
		}
	}
	return false
}
