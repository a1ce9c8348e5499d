package lambdafn

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
)

// parameterStore is the one call of Parameter Store that start-up needs.
type parameterStore interface {
	GetParameters(ctx context.Context, in *ssm.GetParametersInput, options ...func(*ssm.Options)) (*ssm.GetParametersOutput, error)
}

func newParameterStore(config aws.Config) parameterStore { return ssm.NewFromConfig(config) }

// parametersPerCall is the limit of GetParameters.
const parametersPerCall = 10

// Parameters reads secrets and settings by name under the installation's path, decrypted; names begin with a slash, and
// the map has the same names. All that are missing are named in one error. Values never appear in an error.
func (p *Process) Parameters(ctx context.Context, names ...string) (map[string]string, error) {
	values, missing, err := p.parametersFound(ctx, names)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("reading parameters: missing %s", strings.Join(missing, ", "))
	}
	return values, nil
}

// OptionalParameters is Parameters where a missing one is simply not in the map.
func (p *Process) OptionalParameters(ctx context.Context, names ...string) (map[string]string, error) {
	values, _, err := p.parametersFound(ctx, names)
	return values, err
}

func (p *Process) parametersFound(ctx context.Context, names []string) (map[string]string, []string, error) {
	values := make(map[string]string, len(names))
	var missing []string
	for some := range slices.Chunk(names, parametersPerCall) {
		full := make([]string, len(some))
		for n, name := range some {
			full[n] = p.prefix + name
		}
		out, err := p.parameters.GetParameters(ctx, &ssm.GetParametersInput{Names: full, WithDecryption: aws.Bool(true)})
		if err != nil {
			return nil, nil, fmt.Errorf("reading parameters: %w", err)
		}
		for _, found := range out.Parameters {
			values[strings.TrimPrefix(aws.ToString(found.Name), p.prefix)] = aws.ToString(found.Value)
		}
		missing = append(missing, out.InvalidParameters...)
	}
	return values, missing, nil
}
