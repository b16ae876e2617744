{{/* The name of all that is installed once per release. */}}
{{- define "assay.name" -}}
{{ .Release.Name }}-operator
{{- end }}

{{/* What chooses the operator's pods. */}}
{{- define "assay.selector" -}}
app.kubernetes.io/name: assay-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "assay.labels" -}}
{{ include "assay.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "assay.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{/* Where experiments are: what carries them out, and why it waits. No Secret is among it. */}}
{{- define "assay.rulesWhereExperimentsAre" -}}
- apiGroups: [assay.dev]
  resources: [experiments, profiles]
  verbs: [get, list, watch]
- apiGroups: [assay.dev]
  resources: [experiments/status]
  verbs: [patch]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [kubeflow.org]
  resources: [pytorchjobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [ray.io]
  resources: [rayjobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [trainer.kubeflow.org]
  resources: [trainjobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [kueue.x-k8s.io]
  resources: [workloads]
  verbs: [list]
- apiGroups: [""]
  resources: [pods, events]
  verbs: [list]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create]
{{- end }}

{{/* Egress of whoever talks to the store. */}}
{{- define "assay.egressToStoreAndDns" -}}
- ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
  to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
- ports: [{protocol: TCP, port: {{ .Values.networkPolicy.store.port }}}]
  to: {{- .Values.networkPolicy.store.to | toYaml | nindent 2 }}
{{- end }}
