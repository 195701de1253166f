// SPDX-License-Identifier: Apache-2.0
// Renders a chart as `helm template` does, where helm is not to be had: with the engine and the function library that
// helm uses (text/template, sprig), and helm's own functions as far as the chart calls them.
//
//	render CHART-FOLDER VALUES-FILE
//
// Prints the documents. Missing values are empty, as in helm.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

func check(problem error) {
	if problem != nil {
		fmt.Fprintln(os.Stderr, problem)
		os.Exit(1)
	}
}

func read(file string) map[string]interface{} {
	data, problem := os.ReadFile(file)
	check(problem)
	values := map[string]interface{}{}
	check(yaml.Unmarshal(data, &values))
	return values
}

// merge writes changes over values, map by map.
func merge(values, changes map[string]interface{}) {
	for key, change := range changes {
		inner, isMap := change.(map[string]interface{})
		before, wasMap := values[key].(map[string]interface{})
		if isMap && wasMap {
			merge(before, inner)
		} else {
			values[key] = change
		}
	}
}

// files is `.Files` of a chart.
type files string

func (folder files) Get(name string) string {
	data, _ := os.ReadFile(filepath.Join(string(folder), name))
	return string(data)
}

func main() {
	chart := os.Args[1]
	values := read(filepath.Join(chart, "values.yaml"))
	merge(values, read(os.Args[2]))
	about := map[string]interface{}{}
	for key, value := range read(filepath.Join(chart, "Chart.yaml")) {
		about[strings.ToUpper(key[:1])+key[1:]] = value
	}
	data := map[string]interface{}{
		"Values": values, "Chart": about, "Files": files(chart),
		"Release": map[string]interface{}{"Name": "entrepot", "Namespace": "default", "Service": "Helm"},
	}
	all := template.New("chart").Option("missingkey=zero")
	functions := sprig.TxtFuncMap()
	functions["toYaml"] = func(value interface{}) string {
		text, problem := yaml.Marshal(value)
		check(problem)
		return strings.TrimSuffix(string(text), "\n")
	}
	functions["toJson"] = func(value interface{}) string {
		text, problem := json.Marshal(value)
		check(problem)
		return string(text)
	}
	functions["include"] = func(name string, data interface{}) (string, error) {
		var out bytes.Buffer
		problem := all.ExecuteTemplate(&out, name, data)
		return out.String(), problem
	}
	all.Funcs(functions)
	names, problem := filepath.Glob(filepath.Join(chart, "templates", "*"))
	check(problem)
	for _, name := range names {
		text, problem := os.ReadFile(name)
		check(problem)
		_, problem = all.New(filepath.Base(name)).Parse(string(text))
		check(problem)
	}
	for _, name := range names {
		var out bytes.Buffer
		check(all.ExecuteTemplate(&out, filepath.Base(name), data))
		if strings.HasSuffix(name, ".yaml") {
			fmt.Printf("---\n%s\n", strings.ReplaceAll(out.String(), "<no value>", ""))
		}
	}
}
