// A dashboard as netrig writes them, in the types that Grafana generates from its own schema: the kinds of panels that are
// used, each with its own options. What these types do not have, the check refuses.
import type { Dashboard, FieldConfig, Panel, RowPanel } from "@grafana/schema/raw-dashboard";
import type { FieldConfig as HeatmapField, Options as HeatmapOptions } from "@grafana/schema/raw-heatmap";
import type { Options as StatOptions } from "@grafana/schema/raw-stat";
import type { FieldConfig as TableField, Options as TableOptions } from "@grafana/schema/raw-table";
import type { FieldConfig as LinesField, Options as LinesOptions } from "@grafana/schema/raw-timeseries";

interface Field<Custom> {
  defaults: Omit<FieldConfig, "custom"> & { custom: Partial<Custom> };
  overrides: [];
}

// Grafana's schema of Prometheus' queries is not in the package; these are the fields it documents.
interface Target {
  refId: string;
  datasource: { type: "prometheus"; uid: "${datasource}" };
  expr: string;
  legendFormat: string;
  format: "time_series" | "heatmap" | "table";
  instant: boolean;
  range: boolean;
  editorMode: "code";
}

type Of<Kind extends string, Options, Custom> = Omit<Panel, "type" | "options" | "fieldConfig" | "targets"> & {
  type: Kind;
  title: string;
  description: string;
  options: Partial<Options>;
  fieldConfig: Field<Custom>;
  targets: Target[];
};

type AnyPanel =
  | RowPanel
  | Of<"timeseries", LinesOptions, LinesField>
  | Of<"stat", StatOptions, {}>
  | Of<"heatmap", HeatmapOptions, HeatmapField>
  | Of<"table", TableOptions, TableField>;

export type Netrig = Omit<Dashboard, "panels"> & { panels: AnyPanel[] };
