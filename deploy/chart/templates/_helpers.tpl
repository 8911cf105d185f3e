{{- define "buddies.name" -}}{{ .Values.nameOverride | default .Release.Name | trunc 40 | trimSuffix "-" }}{{- end }}

{{- define "buddies.labels" -}}
app.kubernetes.io/name: buddies
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
buddies/environment: {{ .root.Values.environment }}
{{- end }}

{{- define "buddies.selector" -}}
app.kubernetes.io/name: buddies
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- /* An image; beyond staging it must be a digest, so that what was tried is what runs. */ -}}
{{- define "buddies.image" -}}
{{- if and (ne .root.Values.environment "staging") (not (contains "@sha256:" .image)) -}}
{{- fail (printf "%s: image %s must be named by its digest (…@sha256:…)" .root.Values.environment .image) -}}
{{- end -}}
{{ .image }}
{{- end }}

{{- define "buddies.podSecurity" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end }}

{{- define "buddies.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "buddies.databaseUrl" -}}
- name: BUDDIES_POSTGRES_URL
  valueFrom: {secretKeyRef: {name: {{ .Values.postgres.secret }}, key: url}}
{{- end }}

{{- define "buddies.storeEnvironment" -}}
{{- with .Values.store.credentialsSecret }}
envFrom:
  - secretRef: {name: {{ . }}}
{{- end }}
{{- end }}

{{- define "buddies.settings" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{- define "buddies.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: topology.kubernetes.io/zone
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "buddies.selector" . | nindent 8 }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "buddies.selector" . | nindent 8 }}
{{- end }}
