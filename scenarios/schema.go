package scenarios

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/nsqlab/nsqlab/chaos"
	"github.com/nsqlab/nsqlab/reports"
)

// Schema is the JSON Schema of a scenario's file, made from the same tables as the loader.
func Schema() []byte {
	root := shapeOf(scenarioKeys)()
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "nsqlab scenario"
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // maps of strings always marshal
	}
	return append(out, '\n')
}

// shapeOf is the schema of a mapping by its table.
func shapeOf[T any](keys []key[T]) func() map[string]any {
	return func() map[string]any {
		properties, required := map[string]any{}, []string{}
		for _, k := range keys {
			var shape map[string]any
			switch {
			case k.typ != nil:
				shape = copyOf(k.typ.shape)
			case k.shape != nil:
				shape = k.shape()
			default:
				shape = map[string]any{"type": "object"}
			}
			shape["description"] = k.usage
			properties[k.name] = shape
			if k.required {
				required = append(required, k.name)
			}
		}
		return map[string]any{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	}
}

func copyOf(m map[string]any) map[string]any {
	c := map[string]any{}
	for k, v := range m {
		c[k] = v
	}
	return c
}

func listOf(items ...map[string]any) map[string]any {
	return map[string]any{"type": "array", "items": map[string]any{"oneOf": items}}
}

func lookupsShape() map[string]any {
	return map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "object", "additionalProperties": option.shape}}
}

func brokersShape() map[string]any {
	broker := map[string]any{"type": "object", "properties": map[string]any{"lookups": namesShape()}, "additionalProperties": option.shape}
	return map[string]any{"type": "object", "minProperties": 1, "additionalProperties": broker}
}

func loadShape() map[string]any { return listOf(shapeOf(producerKeys)(), shapeOf(consumerKeys)()) }

func namesShape() map[string]any {
	return map[string]any{"oneOf": []map[string]any{pattern(""), {"type": "array", "items": pattern("")}}}
}

func faultsShape() map[string]any {
	var kinds []map[string]any
	for _, k := range chaos.Kinds {
		shape := shapeOf(faultKeys(k))()
		shape["description"] = k.Usage
		kinds = append(kinds, shape)
	}
	return listOf(kinds...)
}

func expectShape() map[string]any {
	var bare []string
	limits := map[string]any{}
	for _, c := range reports.Checkers {
		bare = append(bare, c.Name)
		each := map[string]any{}
		for _, l := range c.Limits {
			each[l] = copyOf(duration.shape)
		}
		limits[c.Name] = map[string]any{"type": "object", "properties": each, "additionalProperties": false}
	}
	return listOf(map[string]any{"enum": bare},
		map[string]any{"type": "object", "properties": limits, "additionalProperties": false, "minProperties": 1, "maxProperties": 1})
}

// Usage tells what can stand in a scenario's file, from the loader's tables.
func Usage(w io.Writer) {
	usageOf(w, "At the top:", scenarioKeys)
	usageOf(w, "A load line that produces:", producerKeys)
	usageOf(w, "A load line that consumes:", consumerKeys)
	usageOf(w, "links:", linkKeys)
	usageOf(w, "swarm:", swarmKeys)
	fmt.Fprintln(w, "A broker has nsqd's flags with _ for -, such as msg_timeout: 2s; it registers with all nsqlookupds unless it says lookups: [l1].")
	fmt.Fprintln(w, "An nsqlookupd has inactive_producer_timeout and tombstone_lifetime. It is a node as a broker is: faults hit it by its name. For faults and promises: nsqlab help faults, nsqlab help checkers.")
}

func usageOf[T any](w io.Writer, title string, keys []key[T]) {
	fmt.Fprintln(w, title)
	for _, k := range keys {
		want := ""
		if k.typ != nil {
			want = k.typ.want
		}
		if k.required {
			want += " (needed)"
		}
		fmt.Fprintf(w, "  %s\t%s\t%s\n", k.name, k.usage, want)
	}
	fmt.Fprintln(w)
}
