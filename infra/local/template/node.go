package template

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// node is one mapping of evaluated properties.
type node struct {
	id         string
	properties map[string]any
}

func (n node) has(name string) bool { _, ok := n.properties[name]; return ok }

func (n node) text(name string) string { return text(n.properties[name]) }

func (n node) textOr(name, otherwise string) string {
	if n.has(name) {
		return n.text(name)
	}
	return otherwise
}

func (n node) bool(name string) bool { return strings.EqualFold(n.text(name), "true") }

// number is the integer at name, or otherwise if it is absent.
func (n node) number(name string, otherwise int) (int, error) {
	if !n.has(name) {
		return otherwise, nil
	}
	v, err := strconv.Atoi(n.text(name))
	if err != nil {
		return 0, fmt.Errorf("%s: %q is not a whole number", name, n.text(name))
	}
	return v, nil
}

func (n node) child(name string) node { return node{n.id, mapping(n.properties[name])} }

func (n node) children(name string) []node {
	items, _ := n.properties[name].([]any)
	out := make([]node, 0, len(items))
	for _, item := range items {
		out = append(out, node{n.id, mapping(item)})
	}
	return out
}

func (n node) texts(name string) []string {
	items, _ := n.properties[name].([]any)
	out := make([]string, 0, len(items))
	for _, item := range items {
		out = append(out, text(item))
	}
	return out
}

// need reports every one of names that is absent.
func (n node) need(names ...string) error {
	var problems []error
	for _, name := range names {
		if !n.has(name) {
			problems = append(problems, fmt.Errorf("%s is missing", name))
		}
	}
	return errors.Join(problems...)
}
