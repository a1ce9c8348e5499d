package supervisor

import (
	"sportello/infra/local/emulator"
)

func toolVariables(values map[string]string, clock string) []string {
	values["AWS_REGION"], values["AWS_DEFAULT_REGION"] = region, region
	values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"] = emulator.AccessKey, emulator.SecretKey
	values["AWS_EC2_METADATA_DISABLED"], values["LOCAL_CLOCK_FILE"] = "true", clock
	var out []string
	for _, name := range sortedKeys(values) {
		out = append(out, name+"="+values[name])
	}
	return out
}
