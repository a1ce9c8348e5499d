package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// deployment is what the bench reads of template.yaml.
type deployment struct {
	functions []function
	keys      int // customer managed keys
	metrics   int // that alarms watch
}

// function is one of the template's.
type function struct {
	ID, Folder string
	Memory     int // MB
	Events     []event
}

// event is what a function is called by; its name is the template's.
type event struct{ Name, Type, Method, Path, Schedule string }

// resource is what matters here of one in the template; what the other fields hold is skipped.
type resource struct {
	Type       string `yaml:"Type"`
	Properties struct {
		CodeURI string `yaml:"CodeUri"`
		Memory  int    `yaml:"MemorySize"`
		Events  map[string]struct {
			Type       string `yaml:"Type"`
			Properties struct {
				Method   string `yaml:"Method"`
				Path     string `yaml:"Path"`
				Schedule string `yaml:"ScheduleExpression"`
			} `yaml:"Properties"`
		} `yaml:"Events"`
		Metrics []struct {
			Stat any `yaml:"MetricStat"`
		} `yaml:"Metrics"`
	} `yaml:"Properties"`
}

// read reads template.yaml in the repository's top folder.
func read(root string) (deployment, error) {
	text, err := os.ReadFile(filepath.Join(root, "template.yaml"))
	if err != nil {
		return deployment{}, err
	}
	var template struct {
		Globals struct {
			Function struct {
				Memory int `yaml:"MemorySize"`
			} `yaml:"Function"`
		} `yaml:"Globals"`
		Resources map[string]resource `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(text, &template); err != nil {
		return deployment{}, fmt.Errorf("reading template.yaml: %w", err)
	}
	var d deployment
	for id, r := range template.Resources {
		switch r.Type {
		case "AWS::KMS::Key":
			d.keys++
		case "AWS::CloudWatch::Alarm":
			d.metrics += r.metrics()
		case "AWS::Serverless::Function":
			d.functions = append(d.functions, r.function(id, template.Globals.Function.Memory))
		}
	}
	if len(d.functions) == 0 {
		return d, errors.New("reading template.yaml: no functions")
	}
	slices.SortFunc(d.functions, func(a, b function) int { return cmp.Compare(a.Folder, b.Folder) })
	return d, nil
}

// metrics is how many metrics an alarm watches: what it is billed by.
func (r resource) metrics() int {
	watched := 0
	for _, m := range r.Properties.Metrics {
		if m.Stat != nil {
			watched++
		}
	}
	return max(watched, 1)
}

func (r resource) function(id string, memory int) function {
	f := function{ID: id, Folder: path.Base(r.Properties.CodeURI), Memory: cmp.Or(r.Properties.Memory, memory)}
	for name, e := range r.Properties.Events {
		p := e.Properties
		f.Events = append(f.Events, event{name, e.Type, p.Method, p.Path, p.Schedule})
	}
	slices.SortFunc(f.Events, func(a, b event) int { return strings.Compare(a.Path+a.Method+a.Name, b.Path+b.Method+b.Name) })
	return f
}

// by tells whether something of this type calls the function.
func (f function) by(kind string) bool {
	return slices.ContainsFunc(f.Events, func(e event) bool { return e.Type == kind })
}
