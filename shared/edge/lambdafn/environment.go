package lambdafn

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/caarlos0/env/v11"
)

// Environment is what every function reads from its environment. A function embeds it in its own struct, whose other
// fields carry tags such as `env:"TABLE_APPLICATIONS,required,notEmpty"`.
type Environment struct {
	// Stage names the installation, such as "prod".
	Stage string `env:"STAGE,required,notEmpty"`
	// Parameters is the path under which the installation's parameters stand in Parameter Store, such as /sportello/prod.
	Parameters string `env:"PARAMETERS,required,notEmpty"`
	// LogLevel is DEBUG, INFO, WARN or ERROR.
	LogLevel slog.Level `env:"LOG_LEVEL" envDefault:"INFO"`
}

func (e Environment) base() Environment { return e }

// Base is met by a struct that embeds Environment.
type Base interface{ base() Environment }

// Load reads the environment into a struct with `env` tags. All that is missing is named in one error, and all that
// cannot be parsed; values never are, since some are secret.
func Load[T any]() (T, error) {
	v, err := env.ParseAs[T]()
	if err == nil {
		return v, nil
	}
	var all env.AggregateError
	if !errors.As(err, &all) {
		return v, fmt.Errorf("reading environment: %w", err)
	}
	return v, environmentError(all.Errors)
}

func environmentError(errs []error) error {
	var missing, wrong []string
	for _, err := range errs {
		var (
			unset  env.VarIsNotSetError
			empty  env.EmptyVarError
			parsed env.ParseError
		)
		switch {
		case errors.As(err, &unset):
			missing = append(missing, unset.Key)
		case errors.As(err, &empty):
			missing = append(missing, empty.Key)
		case errors.As(err, &parsed):
			wrong = append(wrong, fmt.Sprintf("field %s is no %v", parsed.Name, parsed.Type))
		default:
			wrong = append(wrong, fmt.Sprintf("%T", err))
		}
	}
	var parts []string
	if len(missing) > 0 {
		parts = append(parts, "missing "+strings.Join(missing, ", "))
	}
	return fmt.Errorf("reading environment: %s", strings.Join(append(parts, wrong...), "; "))
}
