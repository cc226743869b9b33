package strategy

import (
	"encoding/json"
	"reflect"

	"github.com/slipwayhq/slipway/internal/strategy/document"
)

// Schema returns the JSON Schema of the file, for editors. It is made from the same
// types that read the file, so it cannot say something else.
func Schema() []byte {
	root := document.SchemaOf(reflect.TypeFor[file](), document.ParseText(defaults))
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "slipway.yaml"
	root["description"] = "How an application's releases reach people, and come back."
	root["required"] = []string{"app", "target"}
	b, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil // the schema is made of maps, lists and texts
	}
	return append(b, '\n')
}
