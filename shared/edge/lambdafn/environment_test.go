package lambdafn

import (
	"log/slog"
	"os"
	"strings"
	"testing"
)

type environment struct {
	Environment
	Table string `env:"TABLE_APPLICATIONS,required,notEmpty"`
	Count int    `env:"COUNT" envDefault:"3"`
}

// setenv leaves only these variables of the ones that matter.
func setenv(t *testing.T, variables map[string]string) {
	t.Helper()
	for _, name := range []string{"STAGE", "PARAMETERS", "LOG_LEVEL", "TABLE_APPLICATIONS", "COUNT"} {
		t.Setenv(name, "") // restores it afterwards
		if value, ok := variables[name]; ok {
			t.Setenv(name, value)
		} else if err := os.Unsetenv(name); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLoad(t *testing.T) {
	setenv(t, map[string]string{"STAGE": "prod", "PARAMETERS": "/sportello/prod", "LOG_LEVEL": "DEBUG", "TABLE_APPLICATIONS": "a"})
	got, err := Load[environment]()
	if err != nil {
		t.Fatal(err)
	}
	want := environment{Environment{"prod", "/sportello/prod", slog.LevelDebug}, "a", 3}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Everything that is missing or wrong is named at once, and no value is shown.
func TestLoadNamesAll(t *testing.T) {
	setenv(t, map[string]string{"STAGE": "", "LOG_LEVEL": "SECRET", "COUNT": "SECRET"})
	_, err := Load[environment]()
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range []string{"STAGE", "PARAMETERS", "TABLE_APPLICATIONS", "LogLevel", "Count"} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%v does not name %s", err, name)
		}
	}
	if strings.Contains(err.Error(), "SECRET") {
		t.Errorf("%v shows a value", err)
	}
}
