// Yaml
