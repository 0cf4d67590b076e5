# SPDX-License-Identifier: Apache-2.0
#
# The user's functions of a storm's hosts, which the masters start: methods of
# Storm.pm.  A transformer with the SDK for Go, and behind it a sink with that
# for Python, or a map in Go and a sink of forebay's.  They change nothing, so
# that the verifier can tell.
package Test::Forebay::Storm::Functions;

use strict;
use warnings;

use Test::More;

use Test::Forebay::Function;
use Test::Forebay::Util;

my $SECTION = { container => { image => 'function' } };

sub need_functions { return Test::Forebay::Function->need('go', 'python') }

sub sink_section { return { udsink => $SECTION } }

sub go_function
{
	my ($role, $mode) = @_;

	return { command => [Test::Forebay::Function->new(language => 'go',
		role => $role, mode => $mode)->command],
	    env => { FUNCTION_DIR => '{sockets}' } };
}

# What the sink writes is what the log sink would have written.
sub python_sink
{
	my ($out) = @_;
	my ($python) = Test::Forebay::Function->new(language => 'python')
	    ->command;

	return { command => [$python, source_dir()
	    . '/t/interop/functions/sink.py', '{sockets}', $out] };
}

sub add_functions
{
	my ($self, $h) = @_;
	my $has_sink = $self->{sink} eq 'function';

	$h->{log} = "$h->{f}{dir}/function.out" if $has_sink;
	$h->{f}->edit(sub {
		my ($spec, $host) = @_;

		$host->{functions}{transformer} =
		    go_function('transformer', 'sync');
		$spec->{source}{transformer} = $SECTION;
		if ($has_sink) {
			$host->{functions}{sink} = python_sink($h->{log});
		} else {
			$host->{functions}{map} = go_function('map', 'batch');
			$spec->{udf} = $SECTION;
		}
	});
	return;
}

sub function_pids
{
	my ($self, $h) = @_;

	return map { $_->[0] } grep { $_->[1] !~ m{/forebay(?:-worker)?$} }
	    $self->children($h);
}

sub is_sink { return slurp("/proc/$_[1]/cmdline") =~ /\bsink\.py\b/ }

# Keys and headers have come through all functions.
sub function_lines_ok
{
	my ($self) = @_;
	my ($status, $out) = run(['grep', '-hm', 5, '^BAD',
	    map { $_->{log} } @{$self->{h}}]);

	return is($out, '', 'keys, headers and topic are those of the record');
}

1;
