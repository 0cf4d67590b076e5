#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# conf/MIGRATION.md lists each default of the MonoVertex document that is
# another one than Numaflow's, and no other.  (What librdkafka is told is
# compared by t/unit/shared/kafka/defaults.c.)
use strict;
use warnings;

use Test::More;

use Test::Forebay::Util;

chdir source_dir() or die;

# Numaflow's, from its source: rust/numaflow-core/src/config/{monovertex,
# components,components/sink}.rs, pkg/apis/numaflow/v1alpha1.
my %numaflow = (
	'metadata.namespace' => 'default',
	'spec.source.kafka.tls.insecureSkipVerify' => 'false',
	'spec.source.kafka.sasl.plain.handshake' => 'false',
	'spec.sink.kafka.setKey' => 'false',
	'spec.source.transformer.retryStrategy.backoff.interval' => '1ms',
	'spec.source.transformer.retryStrategy.backoff.steps' => '65535',
	'spec.source.transformer.retryStrategy.backoff.factor' => '1',
	'spec.source.transformer.retryStrategy.backoff.cap' => '4294967295ms',
	'spec.source.transformer.retryStrategy.backoff.jitter' => '0',
	'spec.sink.retryStrategy.onFailure' => 'retry',
	'spec.source.transformer.retryStrategy.onFailure' => 'retry',
	'spec.limits.readBatchSize' => '500',
	'spec.limits.readTimeout' => '1s',
	'spec.limits.concurrency' => 'readBatchSize',
	'spec.bypass.sink.tags.operator' => 'or',
	'spec.streaming' => 'false',
);

# [setting, value, ...] of the rows of a section.
sub rows
{
	my ($text, $title) = @_;
	my ($section) = $text =~ /^## \Q$title\E\n(.*?)(?=^## |\z)/ms or
	    die "no section $title";
	my @rows;

	for (grep { /^\| `/ } split /\n/, $section) {
		my (undef, $name, @cells) = map { s/^ +| +$//gr }
		    split /\|/;

		push @rows, [$name =~ s/`//gr, @cells];
	}
	return @rows;
}

my $migration = slurp('conf/MIGRATION.md');
my %ours = map { ($_->[0] => $_->[2] =~ s/`//gr) }
    grep { $_->[2] ne '' && $_->[2] ne 'required' }
    grep { $_->[0] =~ /^(?:spec|metadata)\b/ }
    rows(slurp('conf/REFERENCE.md'), 'MonoVertex');
my %listed = map { ($_->[0] => $_) }
    rows($migration, 'Defaults of the document');

cmp_ok(scalar keys %ours, '>=', 15, 'the reference has defaults');
is(join(' ', sort keys %ours), join(' ', sort keys %numaflow),
    'each of them has been compared with Numaflow');
for my $name (sort keys %numaflow) {
	my $row = $listed{$name};

	if (($ours{$name} // '') eq $numaflow{$name}) {
		is($row, undef, "$name is the same, and not listed");
		next;
	}
	ok($row, "$name differs and is listed") or next;
	like($row->[1], qr/^\Q$numaflow{$name}\E\b/, 'with what Numaflow has');
	like($row->[2], qr/^\Q$ours{$name}\E\b/, 'and with what forebay has');
}
is(join(' ', grep { !$numaflow{$_} } sort keys %listed), '',
    'nothing else is listed');
like(slurp('README.md'), qr{\(conf/MIGRATION\.md\)}, 'README links the page');

done_testing();
