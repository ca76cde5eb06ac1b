{{- define "auditor.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "auditor.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "auditor.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "auditor.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "auditor.selector" -}}
app.kubernetes.io/name: {{ include "auditor.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "auditor.labels" -}}
{{ include "auditor.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "auditor.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "auditor.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "auditor.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "auditor.credentials" -}}
{{- if .Values.credentials.externalSecret.enabled -}}
{{- printf "%s-nats" (include "auditor.fullname" .) -}}
{{- else -}}
{{- .Values.credentials.existingSecret -}}
{{- end -}}
{{- end -}}

{{- define "auditor.url" -}}
{{- default (printf "%s://%s.%s.svc:%v" (ternary "https" "http" .Values.webConfig.tls) (include "auditor.fullname" .) .Release.Namespace .Values.service.port) .Values.externalUrl | trimSuffix "/" -}}
{{- end -}}

{{- /* The configuration file. With a web configuration, http.web_config_file names it. */ -}}
{{- define "auditor.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- if .Values.webConfig.existingSecret -}}
{{- $_ := set $config "http" (merge (dict "web_config_file" (printf "/etc/auditor/web/%s" .Values.webConfig.file)) (default dict $config.http)) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{- define "auditor.port" -}}
{{- (default (dict) .Values.config.http).listen | default "0.0.0.0:9464" | splitList ":" | last -}}
{{- end -}}

{{- /* The pod without its container, and the container without its command, for the Deployment and the CronJob. */ -}}
{{- define "auditor.pod" -}}
serviceAccountName: {{ include "auditor.serviceAccount" . }}
automountServiceAccountToken: false
enableServiceLinks: false
terminationGracePeriodSeconds: 30  # it ends within 10
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile:
    type: RuntimeDefault
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" }}
{{- with index $.Values $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
volumes:
  - name: config
    configMap: {name: {{ include "auditor.fullname" . }}}
  {{- with include "auditor.credentials" . }}
  - name: nats
    secret:
      secretName: {{ . }}
      defaultMode: 0440
  {{- end }}
  {{- with .Values.webConfig.existingSecret }}
  - name: web
    secret:
      secretName: {{ . }}
      defaultMode: 0440
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "auditor.container" -}}
name: auditor
image: {{ include "auditor.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.env }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  privileged: false
  capabilities:
    drop: ["ALL"]
volumeMounts:
  - {name: config, mountPath: /etc/auditor/config, readOnly: true}
  {{- if include "auditor.credentials" . }}
  - {name: nats, mountPath: /etc/auditor/nats, readOnly: true}
  {{- end }}
  {{- if .Values.webConfig.existingSecret }}
  - {name: web, mountPath: /etc/auditor/web, readOnly: true}
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
